package lab

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/braid-cni/braid/kernel"
)

const (
	// switchName is the bridge that all nodes hang on, and the file of its namespace.
	switchName = "switch"
	// uplinkName is a node's link to it.
	uplinkName = "uplink"
)

func (l *Lab) makeSwitch() error {
	if err := makeNetns(l.path(switchName)); err != nil {
		return err
	}
	return within(l.path(switchName), func(n kernel.Netns) error {
		if err := n.AddBridge(kernel.Bridge{Name: switchName, MAC: kernel.RandomMAC()}); err != nil {
			return err
		}
		return n.SetLink(switchName, kernel.LinkChange{Up: true})
	})
}

// plugIn connects a node to the switch.
func (l *Lab) plugIn(n *Node) error {
	k := kernel.New(kernel.Options{HostNetns: l.path(switchName)})
	hub, err := k.Host()
	if err != nil {
		return err
	}
	defer hub.Close()
	node, err := k.Open(n.netns())
	if err != nil {
		return err
	}
	bridge, err := hub.Link(switchName)
	if err == nil {
		err = kernel.AddVeth(hub, kernel.Veth{
			Name: n.Name, MAC: kernel.RandomMAC(), Peer: uplinkName, PeerMAC: kernel.RandomMAC(), PeerNetns: node,
			Master: bridge.Index, Up: true,
		})
	}
	if err == nil {
		err = l.configure(node, n)
	}
	return errors.Join(err, node.Close())
}

// configure gives the node its address and the way to the other nodes' pods.
func (l *Lab) configure(node kernel.Netns, n *Node) error {
	if err := node.SetLink(uplinkName, kernel.LinkChange{Up: true}); err != nil {
		return err
	}
	uplink, err := node.Link(uplinkName)
	if err != nil {
		return err
	}
	if err := node.AddAddress(uplink.Index, kernel.Address{Prefix: n.Address}); err != nil {
		return err
	}
	for _, other := range l.Nodes {
		if other == n {
			continue
		}
		// An administrator's route, not one that the agent may sweep.
		route := kernel.Route{Dst: other.PodRange, Gateway: other.Address.Addr(), Link: uplink.Index, Protocol: unix.RTPROT_STATIC}
		if err := node.AddRoute(route); err != nil {
			return err
		}
	}
	return nil
}
