package bridge

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/braid-cni/braid/kernel"
)

// hide masquerades the attachment's addresses. The undo of the port's elements takes these along.
func (a *attachment) hide() error {
	if !a.masquerade || len(a.result.IPs) == 0 {
		return nil
	}
	return a.host.UpdateElements(a.masqueradeElements(), nil)
}

func (a *attachment) masqueradeElements() []kernel.Element {
	addresses := make([]netip.Prefix, len(a.result.IPs))
	for i, ip := range a.result.IPs {
		addresses[i] = kernel.Prefix(ip.Address)
	}
	return kernel.MasqueradeElements(a.owner, a.gatewayLink(), addresses)
}

// serveGateway gives the host the gateways' addresses and makes it forward. It is the last step of ADD, under the
// bridge's lock, and undoes itself there: another pod may count on an address from the moment the lock is free.
func (a *attachment) serveGateway() (err error) {
	gateways := a.gateways()
	if len(gateways) == 0 {
		return nil
	}
	defer a.locks.lock(a.bridge)()
	var u undo
	defer u.run(&err)
	link, err := a.ensureGatewayLink(&u)
	if err != nil {
		return err
	}
	if err := a.host.SetSysctls(forwarding(gateways)...); err != nil {
		return err
	}
	for _, gateway := range gateways {
		if err := a.ensureAddress(link, gateway, gateways, &u); err != nil {
			return err
		}
	}
	u.disarm()
	return nil
}

// gateways are the addresses the host is to have, with the length of the subnet.
func (a *attachment) gateways() []netip.Prefix {
	if !a.gateway {
		return nil
	}
	var gateways []netip.Prefix
	for _, ip := range a.result.IPs {
		gateway := netip.PrefixFrom(addr(ip.Gateway), kernel.Prefix(ip.Address).Bits())
		if !slices.Contains(gateways, gateway) {
			gateways = append(gateways, gateway)
		}
	}
	return gateways
}

func forwarding(gateways []netip.Prefix) []kernel.Setting {
	var settings []kernel.Setting
	for _, setting := range []struct {
		family kernel.Family
		name   string
	}{{kernel.IPv4, "net/ipv4/ip_forward"}, {kernel.IPv6, "net/ipv6/conf/all/forwarding"}} {
		if slices.ContainsFunc(gateways, func(g netip.Prefix) bool { return kernel.FamilyOf(g.Addr()) == setting.family }) {
			settings = append(settings, kernel.Setting{Name: setting.name, Value: "1"})
		}
	}
	return settings
}

// ensureAddress follows the reference: a link has one IPv4 address, and IPv6 addresses of subnets that do not
// overlap. Those of this attachment's own gateways do not count as others.
func (a *attachment) ensureAddress(link kernel.Link, want netip.Prefix, own []netip.Prefix, u *undo) error {
	addresses, err := a.host.Addresses(link.Index)
	if err != nil {
		return err
	}
	for _, have := range addresses {
		if have.Prefix == want {
			return nil
		}
	}
	for _, have := range addresses {
		if slices.Contains(own, have.Prefix) || !inTheWay(have.Prefix, want) {
			continue
		}
		if err := a.dropAddress(link, have.Prefix, want, u); err != nil {
			return err
		}
	}
	if err := a.host.AddAddress(link.Index, kernel.Address{Prefix: want, NoDAD: true}); err != nil {
		return err
	}
	u.push(func() error { return a.host.DelAddress(link.Index, want) })
	return a.pinMAC(link)
}

func inTheWay(have, want netip.Prefix) bool {
	return have.Addr().Is4() == want.Addr().Is4() && (want.Addr().Is4() || have.Overlaps(want))
}

func (a *attachment) dropAddress(link kernel.Link, have, want netip.Prefix, u *undo) error {
	if !a.forceAddress {
		return types.NewError(types.ErrInvalidNetworkConfig,
			fmt.Sprintf("link %q already has the address %s, which is different from the gateway %s", link.Name, have, want),
			"remove the address, make ipam give it as the gateway, or set forceAddress to have it replaced")
	}
	if err := a.host.DelAddress(link.Index, have); err != nil {
		return err
	}
	u.push(func() error { return a.host.AddAddress(link.Index, kernel.Address{Prefix: have, NoDAD: true}) })
	return nil
}

// pinMAC keeps the MAC of a user's bridge, which otherwise changes as ports come and go, and with it what pods
// know of their gateway.
func (a *attachment) pinMAC(link kernel.Link) error {
	if link.Kind != "bridge" || link.Alias == kernel.BridgeAlias {
		return nil
	}
	now, err := a.host.Link(link.Name)
	if err != nil {
		return err
	}
	a.bridgeLink = now
	return a.host.SetLink(link.Name, kernel.LinkChange{MAC: now.MAC})
}

// ensureGatewayLink is the bridge itself or, with a VLAN, one end of a veth whose other end is a port in the
// VLAN.
func (a *attachment) ensureGatewayLink(u *undo) (kernel.Link, error) {
	name := a.gatewayLink()
	if name == a.bridge {
		return a.bridgeLink, nil
	}
	link, err := a.host.Link(name)
	if errors.Is(err, kernel.ErrNoLink) {
		if err := a.addGatewayLink(name, u); err != nil {
			return link, err
		}
		link, err = a.host.Link(name)
	}
	if err != nil {
		return link, err
	}
	if link.Kind != "veth" {
		return link, types.NewError(types.ErrInvalidNetworkConfig,
			fmt.Sprintf("gateway link %q of vlan %d is a link of another kind (%q)", name, a.vlan, link.Kind),
			"remove that link, or choose another name in \"bridge\"")
	}
	a.gatewayVLAN = &link
	return link, nil
}

func (a *attachment) addGatewayLink(name string, u *undo) error {
	port := gatewayPort(name)
	err := kernel.AddVeth(a.host, kernel.Veth{
		Name: port, MAC: kernel.RandomMAC(), Peer: name, PeerMAC: kernel.RandomMAC(), MTU: a.bridgeLink.MTU, Queues: queues,
		Master: a.bridgeLink.Index, Up: true,
	})
	if err != nil {
		return err
	}
	u.push(func() error { return a.host.DelLink(port) })
	vlans, err := a.vlans(port, nil)
	if err != nil {
		return err
	}
	if err := a.host.SetPort(port, kernel.Port{VLANs: vlans}); err != nil {
		return err
	}
	return a.host.SetLink(name, kernel.LinkChange{Up: true})
}

// gatewayPort names the bridge port behind a VLAN's link. No container ID holds a space.
func gatewayPort(link string) string { return kernel.LinkName("vlan gateway", link) }

// removeIfEmpty deletes what companion names.
func (p *Plugin) removeIfEmpty(bridge string) error {
	t := kernel.NewTeardown(p.kernel)
	t.With(bridge, p.companion(bridge))
	return t.Flush(context.Background())
}

// companion names the links of VLAN gateways once the bridge has no pod's port of ours, and the bridge too if it is ours and no
// other port is left. The bridge is locked until they are gone.
func (p *Plugin) companion(bridge string) kernel.Companion {
	return func(gone func(string) bool) (links []string, release func(), err error) {
		release = p.locks.lock(bridge)
		if links, err = p.unused(bridge, gone); len(links) > 0 {
			return links, release, err
		}
		release()
		return nil, nil, err
	}
}

func (p *Plugin) unused(bridge string, gone func(string) bool) ([]string, error) {
	if p.ports.any(bridge) {
		return nil, nil
	}
	host, err := p.kernel.Host()
	if err != nil {
		return nil, err
	}
	defer host.Close()
	if used, err := hasPods(host, bridge, gone); used || err != nil {
		return nil, err
	}
	links, err := host.Links()
	if err != nil {
		return nil, err
	}
	return doomed(bridge, slices.DeleteFunc(links, func(l kernel.Link) bool { return gone(l.Name) })), nil
}

// hasPods tells whether a bridge has a port with the marks of a pod's link: the port of a VLAN's gateway has no alias. It saves
// looking at all links of a node that is full.
func hasPods(host kernel.Netns, bridge string, gone func(string) bool) (bool, error) {
	link, err := host.Link(bridge)
	if errors.Is(err, kernel.ErrNoLink) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	ports, err := host.Ports(link.Index)
	return slices.ContainsFunc(ports, func(l kernel.Link) bool {
		return kernel.IsLinkName(l.Name) && l.Alias != "" && !gone(l.Name)
	}), err
}

// doomed names what goes of a bridge. A bridge that is still being made, under the lock that the caller has, was
// left by a process that was killed.
func doomed(bridge string, links []kernel.Link) []string {
	var names []string
	temporary := kernel.TemporaryName(bridge)
	for _, l := range links {
		if l.Name == temporary {
			names = append(names, temporary)
		}
		if l.Name != bridge || l.Kind != "bridge" {
			continue
		}
		gateways, pods, others := portsOf(l, links)
		if pods > 0 {
			continue
		}
		names = append(names, gateways...)
		if others == 0 && l.Alias == kernel.BridgeAlias {
			names = append(names, bridge)
		}
	}
	return names
}

// portsOf sorts a bridge's ports: those of VLAN gateways by name, those of pods and of strangers by number.
func portsOf(bridge kernel.Link, links []kernel.Link) (gateways []string, pods, others int) {
	ours := make(map[string]bool)
	for _, l := range links {
		ours[gatewayPort(l.Name)] = true
	}
	for _, l := range links {
		switch {
		case l.Master != bridge.Index:
		case ours[l.Name]:
			gateways = append(gateways, l.Name)
		case kernel.IsLinkName(l.Name):
			pods++
		default:
			others++
		}
	}
	return gateways, pods, others
}
