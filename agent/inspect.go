package agent

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/braid-cni/braid/delegate"
	"github.com/braid-cni/braid/ipam"
	"github.com/braid-cni/braid/kernel"
	"github.com/braid-cni/braid/store"
	"github.com/braid-cni/braid/wire"
)

// inspect answers with what is stored of the containers asked for, and with what the kernel has of it now. It takes no
// lock and changes nothing: a container whose ADD or DEL is under way is shown as it is at the moment.
func (a *Agent) inspect(_ context.Context, r *wire.Request) ([]byte, error) {
	containers, err := a.Store.Containers()
	if err != nil {
		a.Log.Warn("some stored containers cannot be read", "error", err)
	}
	host, err := a.hostLinks()
	if err != nil {
		return nil, err
	}
	named := ipam.ParseArgs(r.Args)
	answer := wire.Inspection{Node: a.Node, Containers: []wire.Container{}}
	for _, c := range containers {
		if !matches(c.Pod, named["K8S_POD_NAMESPACE"], named["K8S_POD_NAME"]) {
			continue
		}
		shown, err := a.inspectContainer(c, host)
		if err != nil {
			return nil, err
		}
		answer.Containers = append(answer.Containers, shown)
	}
	if named["K8S_POD_NAMESPACE"] == "" && named["K8S_POD_NAME"] == "" {
		if answer.Links, err = a.inspectLinks(host, answer.Containers); err != nil {
			return nil, err
		}
	}
	sortContainers(answer.Containers)
	return json.Marshal(answer)
}

func sortContainers(all []wire.Container) {
	slices.SortFunc(all, func(x, y wire.Container) int {
		return cmp.Or(cmp.Compare(x.Namespace, y.Namespace), cmp.Compare(x.Pod, y.Pod), cmp.Compare(x.ID, y.ID))
	})
}

func matches(pod store.Pod, namespace, name string) bool {
	return (namespace == "" || pod.Namespace == namespace) && (name == "" || pod.Name == name)
}

func (a *Agent) hostLinks() ([]kernel.Link, error) {
	host, err := a.Kernel.Host()
	if err != nil {
		return nil, err
	}
	links, err := host.Links()
	return links, errors.Join(err, host.Close())
}

func (a *Agent) inspectContainer(c *store.Container, host []kernel.Link) (wire.Container, error) {
	shown := wire.Container{
		ID: c.ID, Namespace: c.Pod.Namespace, Pod: c.Pod.Name, UID: c.Pod.UID, Netns: c.Netns,
		Attached: c.Attached, Intended: c.Intended, Status: publication(c), Interfaces: []wire.Interface{},
	}
	sandbox, err := a.Kernel.Open(c.Netns)
	if errors.Is(err, kernel.ErrNoNetns) {
		sandbox = nil
	} else if err != nil {
		return shown, fmt.Errorf("inspect container %s: %w", c.ID, err)
	} else {
		defer sandbox.Close()
	}
	for _, attachment := range attachmentsOf(c) {
		i, err := inspectInterface(sandbox, host, c.ID, attachment)
		if err != nil {
			return shown, fmt.Errorf("inspect %s of container %s: %w", attachment.IfName, c.ID, err)
		}
		shown.Interfaces = append(shown.Interfaces, i)
	}
	return shown, nil
}

func publication(c *store.Container) string {
	switch {
	case c.Pod.Name == "":
		return ""
	case c.Published:
		return wire.StatusPublished
	}
	return wire.StatusPending
}

// inspectInterface looks one interface up in its namespace, which is nil when that is gone.
func inspectInterface(sandbox kernel.Netns, host []kernel.Link, container string, at store.Attachment) (wire.Interface, error) {
	shown := wire.Interface{Network: at.Network, Name: at.IfName, Default: at.Default, State: wire.StateMissing}
	if sandbox == nil {
		promised(&shown, at)
		return shown, nil
	}
	link, err := sandbox.Link(at.IfName)
	if errors.Is(err, kernel.ErrNoLink) {
		promised(&shown, at)
		return shown, nil
	}
	if err != nil {
		return shown, err
	}
	addresses, err := sandbox.Addresses(link.Index)
	if err != nil {
		return shown, err
	}
	shown.Addresses = given(addresses)
	shown.MAC, shown.MTU = link.MAC.String(), link.MTU
	shown.State = stateOf(link)
	outside(&shown, host, container, link)
	return shown, nil
}

// given are the addresses that somebody gave, as text.
func given(addresses []kernel.Address) (texts []string) {
	for _, address := range addresses {
		if !made6(address.Prefix.Addr()) {
			texts = append(texts, address.Prefix.String())
		}
	}
	return texts
}

// made6 tells an IPv6 address that the kernel makes for every link.
func made6(a netip.Addr) bool { return a.Is6() && a.IsLinkLocalUnicast() }

func stateOf(link kernel.Link) string {
	if link.Up && link.Running {
		return wire.StateUp
	}
	return wire.StateDown
}

// outside finds the host's end of a link, by our name for it or, when another plugin made it, as the veth that is its
// peer's peer; and the bridge it is a port of.
func outside(shown *wire.Interface, host []kernel.Link, container string, link kernel.Link) {
	ours := kernel.LinkName(container, shown.Name)
	i := slices.IndexFunc(host, func(h kernel.Link) bool { return h.Name == ours })
	if i < 0 && link.Peer != 0 {
		i = slices.IndexFunc(host, func(h kernel.Link) bool {
			return h.Kind == "veth" && link.Kind == "veth" && h.Index == link.Peer && h.Peer == link.Index
		})
	}
	if i < 0 {
		return
	}
	shown.HostLink = host[i].Name
	for _, bridge := range host {
		if bridge.Index == host[i].Master && bridge.Index != 0 {
			shown.Bridge = bridge.Name
		}
	}
}

// promised fills in what ADD answered about an interface that is gone.
func promised(shown *wire.Interface, at store.Attachment) {
	if at.Result == nil {
		return
	}
	result, err := delegate.DecodeResult(at.Result)
	if err != nil {
		return // it is what is missing that matters here
	}
	for _, ip := range result.IPs {
		shown.Addresses = append(shown.Addresses, ip.Address.String())
	}
	for _, i := range result.Interfaces {
		if i.Sandbox != "" && i.Name == at.IfName {
			shown.MAC, shown.MTU = i.Mac, i.Mtu
		}
	}
}
