package bridge

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/braid-cni/braid/kernel"
	"github.com/braid-cni/braid/trace"
)

// queues is how many a veth uses when nobody says how many (veth.c since Linux 5.16). Left to itself the kernel makes as many as
// the machine may have processors, each with folders in sysfs, and takes all but one away again.
const queues = 1

// makeTries bounds how often the bridge is looked for again because another process makes it at the same time.
const makeTries = 3

// connect makes the veth and sets its port.
func (a *attachment) connect(ctx context.Context, u *undo) error {
	if err := a.makeLinks(u); err != nil {
		return err
	}
	trace.From(ctx).Step("make the veth")
	if err := a.setPort(u); err != nil {
		return err
	}
	trace.From(ctx).Step("set the port")
	return nil
}

// makeLinks makes bridge and veth under one lock, so that the bridge does not go in between.
func (a *attachment) makeLinks(u *undo) error {
	defer a.locks.lock(a.bridge)()
	u.push(func() error { return a.removeIfEmpty(a.bridge) })
	if err := a.ensureBridge(); err != nil {
		return err
	}
	if err := a.addVeth(); err != nil {
		return err
	}
	a.ports.add(a.bridge, a.owner.Link)
	u.push(func() error {
		a.ports.drop(a.bridge, a.owner.Link)
		return a.host.DelLink(a.owner.Link)
	})
	return a.readLinks()
}

// readLinks reads the pod's end off the host's, which says all of it that is not known. The MAC of a user's bridge may have become
// that of the new port; Braid's own keep theirs.
func (a *attachment) readLinks() (err error) {
	a.podLink = kernel.Link{
		Index: a.hostLink.Peer, Name: a.request.IfName, Kind: "veth", MTU: a.hostLink.MTU, MAC: a.mac, Peer: a.hostLink.Index,
	}
	if a.bridgeLink.Alias != kernel.BridgeAlias {
		a.bridgeLink, err = a.host.Link(a.bridge)
	}
	return err
}

// ensureBridge finds or makes the bridge, up, and makes it filter VLANs if that is asked for.
func (a *attachment) ensureBridge() error {
	var err error
	for range makeTries {
		a.bridgeLink, err = a.host.Link(a.bridge)
		if !errors.Is(err, kernel.ErrNoLink) {
			break
		}
		if err = a.makeBridge(); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	if err != nil {
		return err
	}
	if a.bridgeLink.Kind != "bridge" {
		return types.NewError(types.ErrInvalidNetworkConfig,
			fmt.Sprintf("bridge %q is a link of another kind (%q)", a.bridge, a.bridgeLink.Kind),
			"choose another name in \"bridge\", or remove that link")
	}
	if !a.bridgeLink.Up || a.promisc && !a.bridgeLink.Promisc {
		if err := a.host.SetLink(a.bridge, kernel.LinkChange{Up: true, Promisc: a.promisc}); err != nil {
			return err
		}
	}
	return a.ensureFiltering()
}

// makeBridge gives the bridge its mark before its name: one that is found with the name and without the mark was
// made by somebody else. A MAC given at its making stays, whatever ports come and go.
func (a *attachment) makeBridge() (err error) {
	temporary := kernel.TemporaryName(a.bridge)
	// Left by a process that died in here.
	if err := a.host.DelLink(temporary); err != nil {
		return err
	}
	err = a.host.AddBridge(kernel.Bridge{
		Name: temporary, MAC: kernel.RandomMAC(), MTU: a.mtu, VLANFiltering: a.filtersVLANs(),
	})
	if err != nil {
		return err
	}
	var u undo
	defer u.run(&err)
	u.push(func() error { return a.host.DelLink(temporary) })
	// Routes by this link are for us to make, not for whoever sends router advertisements into it.
	err = a.host.SetSysctls(kernel.Setting{
		Name: "net/ipv6/conf/" + temporary + "/accept_ra", Value: "0", Optional: true,
	})
	if err != nil {
		return err
	}
	err = a.host.SetLink(temporary, kernel.LinkChange{
		Name: a.bridge, Alias: kernel.BridgeAlias, Up: true, Promisc: a.promisc,
	})
	if err != nil {
		return err
	}
	u.disarm()
	return nil
}

// ensureFiltering turns VLAN filtering on where the bridge is ours.
func (a *attachment) ensureFiltering() error {
	if !a.filtersVLANs() || a.bridgeLink.VLANFiltering {
		return nil
	}
	if a.bridgeLink.Alias != kernel.BridgeAlias {
		return types.NewError(types.ErrInvalidNetworkConfig,
			fmt.Sprintf("bridge %q does not filter VLANs", a.bridge),
			fmt.Sprintf("run: ip link set %s type bridge vlan_filtering 1", a.bridge))
	}
	return a.host.SetLink(a.bridge, kernel.LinkChange{VLANFiltering: true})
}

func (a *attachment) addVeth() error {
	if a.mac == nil {
		a.mac = kernel.RandomMAC()
	}
	veth := kernel.Veth{
		Name: a.owner.Link, MAC: kernel.RandomMAC(), Peer: a.request.IfName, PeerMAC: a.mac, PeerNetns: a.pod,
		MTU: a.mtu, Queues: queues, Master: a.bridgeLink.Index, Up: true,
		Alias: kernel.Alias(a.request.Alias), AltName: kernel.NetworkAltName(a.owner.Link, a.network),
	}
	var err error
	if a.hostLink, err = a.host.AddVeth(veth); !errors.Is(err, fs.ErrExist) {
		return err
	}
	if _, taken := a.pod.Link(a.request.IfName); taken == nil {
		return types.NewError(types.ErrInvalidEnvironmentVariables,
			fmt.Sprintf("CNI_IFNAME %q exists already in %q", a.request.IfName, a.request.Netns),
			"run DEL for the attachment that has it, or choose another name")
	}
	// The host end's name is of this container and interface only: it was left by an ADD that no DEL followed.
	if err := a.host.DelLink(veth.Name); err != nil {
		return err
	}
	a.hostLink, err = a.host.AddVeth(veth)
	return err
}

// setPort sets the port, before the pod's end is up and can send.
func (a *attachment) setPort(u *undo) error {
	if a.hairpin || a.isolated || a.filtersVLANs() {
		vlans, err := a.vlans(a.owner.Link, a.trunk)
		if err != nil {
			return err
		}
		port := kernel.Port{Hairpin: a.hairpin, Isolated: a.isolated, VLANs: vlans}
		if err := a.host.SetPort(a.owner.Link, port); err != nil {
			return err
		}
	}
	u.push(func() error { return kernel.RemoveElements(a.host, a.owns) })
	if !a.spoofCheck {
		return nil
	}
	return a.host.UpdateElements(kernel.SpoofCheckElements(a.owner, a.owner.Link, a.podLink.MAC), nil)
}

func (a *attachment) owns(o kernel.Owner) bool { return o.Link == a.owner.Link }

// vlans is what a port is to be a member of: "vlan" untagged, the trunk's tagged, VLAN 1 untagged for a trunk
// alone; nil without any. The port's own VLANs stay only if preserveDefaultVlan asks for it.
func (a *attachment) vlans(port string, trunk []uint16) ([]kernel.VLAN, error) {
	if !a.filtersVLANs() {
		return nil, nil
	}
	native := uint16(a.vlan)
	if native == 0 {
		native = 1
	}
	members := []kernel.VLAN{{ID: native, PVID: true, Untagged: true}}
	seen := map[uint16]bool{native: true}
	for _, id := range trunk {
		if !seen[id] {
			seen[id] = true
			members = append(members, kernel.VLAN{ID: id})
		}
	}
	if !a.keepDefaultVLAN {
		return members, nil
	}
	now, err := a.host.Port(port)
	if err != nil {
		return nil, err
	}
	for _, v := range now.VLANs {
		if !seen[v.ID] {
			members = append(members, kernel.VLAN{ID: v.ID, Untagged: v.Untagged})
		}
	}
	return members, nil
}
