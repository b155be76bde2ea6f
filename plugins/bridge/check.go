package bridge

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/braid-cni/braid/kernel"
	"github.com/braid-cni/braid/plugins/plugin"
)

// Check compares links, port, addresses, routes, gateway and nft elements with the prevResult and the
// configuration, asks the IPAM driver, and reports every difference. MACs and MTUs are compared with the
// prevResult, so that a chained plugin may have changed them.
func (p *Plugin) Check(ctx context.Context, r *plugin.Request) error {
	c, err := parse(r.Config, r.Args)
	if err != nil {
		return err
	}
	if c.prev == nil {
		return types.NewError(types.ErrInvalidNetworkConfig, "prevResult is missing", "CHECK compares with the result of ADD")
	}
	a, err := p.open(c, r)
	if err != nil {
		return err
	}
	defer a.close()
	if a.result, err = ownPart(c.prev, r); err != nil {
		return err
	}
	err = errors.Join(a.checkHost(), a.checkPod(), a.checkGateway(), a.checkElements(), a.checkIPAM(ctx))
	if err != nil {
		return fmt.Errorf("check interface %q in %q: %w", r.IfName, r.Netns, err)
	}
	return nil
}

// ownPart is the prevResult with the addresses of this interface only.
func ownPart(prev *current.Result, r *plugin.Request) (*current.Result, error) {
	own := *prev
	own.IPs = nil
	index := slices.IndexFunc(prev.Interfaces, func(i *current.Interface) bool {
		return i.Name == r.IfName && i.Sandbox == r.Netns
	})
	if index < 0 {
		return nil, types.NewError(types.ErrInvalidNetworkConfig,
			fmt.Sprintf("prevResult has no interface %q in %q", r.IfName, r.Netns), "")
	}
	for _, ip := range prev.IPs {
		if ip.Interface != nil && *ip.Interface == index {
			own.IPs = append(own.IPs, ip)
		}
	}
	return &own, nil
}

// differences collects what is not as it should be.
type differences []error

func (d *differences) when(is bool, format string, args ...any) {
	if is {
		*d = append(*d, fmt.Errorf(format, args...))
	}
}

func (d *differences) err() error { return errors.Join(*d...) }

func (a *attachment) checkHost() error {
	var err, bridgeErr error
	a.bridgeLink, bridgeErr = a.host.Link(a.bridge)
	if a.hostLink, err = a.host.Link(a.owner.Link); err != nil || bridgeErr != nil {
		return errors.Join(bridgeErr, err)
	}
	var d differences
	d.when(a.bridgeLink.Kind != "bridge", "link %q is of kind %q, not a bridge", a.bridge, a.bridgeLink.Kind)
	d.when(!a.bridgeLink.Up, "bridge %q is down", a.bridge)
	d.when(a.promisc && !a.bridgeLink.Promisc, "bridge %q is not in promiscuous mode", a.bridge)
	d.when(!a.hostLink.Up, "link %q is down", a.hostLink.Name)
	d.when(a.hostLink.Master != a.bridgeLink.Index, "link %q is not a port of bridge %q", a.hostLink.Name, a.bridge)
	a.compare(&d, a.bridgeLink, "")
	a.compare(&d, a.hostLink, "")
	if a.hostLink.Master != 0 {
		err := a.checkPort()
		d.when(err != nil, "%w", err)
	}
	return d.err()
}

// compare compares a link with its entry in the prevResult, as far as that says anything. Of a bridge the MTU is
// the smallest of its ports, and so not ours to check.
func (a *attachment) compare(d *differences, l kernel.Link, sandbox string) {
	for _, i := range a.result.Interfaces {
		if i.Name != l.Name || i.Sandbox != sandbox {
			continue
		}
		d.when(i.Mac != "" && i.Mac != l.MAC.String(), "link %q has MAC %s, not %s", l.Name, l.MAC, i.Mac)
		d.when(i.Mtu != 0 && i.Mtu != l.MTU && l.Kind != "bridge", "link %q has MTU %d, not %d", l.Name, l.MTU, i.Mtu)
	}
}

func (a *attachment) checkPort() error {
	port, err := a.host.Port(a.hostLink.Name)
	if err != nil {
		return err
	}
	var d differences
	d.when(port.Hairpin != a.hairpin, "bridge port %q has hairpin mode %v, not %v", a.hostLink.Name, port.Hairpin, a.hairpin)
	d.when(port.Isolated != a.isolated, "bridge port %q is isolated %v, not %v", a.hostLink.Name, port.Isolated, a.isolated)
	want, err := a.vlans(a.hostLink.Name, a.trunk)
	if err != nil {
		return err
	}
	for _, v := range want {
		d.when(!slices.Contains(port.VLANs, v), "bridge port %q is not in vlan %d as configured", a.hostLink.Name, v.ID)
	}
	return d.err()
}

func (a *attachment) checkPod() error {
	link, err := a.pod.Link(a.request.IfName)
	if err != nil {
		return err
	}
	var d differences
	d.when(link.Kind != "veth", "link %q in the pod is of kind %q, not veth", link.Name, link.Kind)
	d.when(link.Peer != a.hostLink.Index || a.hostLink.Peer != link.Index,
		"link %q in the pod and %q are not the two ends of a veth", link.Name, a.owner.Link)
	d.when(!link.Up && !a.noContainerLink, "link %q in the pod is down", link.Name)
	a.compare(&d, link, a.request.Netns)
	addresses, err := a.pod.Addresses(link.Index)
	if err != nil {
		return err
	}
	for _, ip := range a.result.IPs {
		want := kernel.Prefix(ip.Address)
		d.when(!slices.ContainsFunc(addresses, func(have kernel.Address) bool { return have.Prefix == want }),
			"link %q in the pod has no address %s", link.Name, want)
	}
	for _, r := range a.result.Routes {
		if err := a.checkRoute(&d, r); err != nil {
			return err
		}
	}
	return d.err()
}

// checkRoute does not ask by which link, because the prevResult does not say.
func (a *attachment) checkRoute(d *differences, r *types.Route) error {
	table := 0
	if r.Table != nil {
		table = *r.Table
	}
	routes, err := a.pod.Routes(table)
	if err != nil {
		return err
	}
	want, gateway := kernel.Prefix(r.Dst), a.nextHop(r)
	found := slices.ContainsFunc(routes, func(have kernel.Route) bool {
		return have.Dst == want && have.Gateway == gateway && unlessZero(r.Priority, have.Priority) &&
			unlessZero(r.MTU, have.MTU) && unlessZero(r.AdvMSS, have.AdvMSS)
	})
	d.when(!found, "the pod has no route %s", r)
	return nil
}

func unlessZero(want, have int) bool { return want == 0 || want == have }

func (a *attachment) checkGateway() error {
	gateways := a.gateways()
	if len(gateways) == 0 {
		return nil
	}
	link, err := a.host.Link(a.gatewayLink())
	if err != nil {
		return err
	}
	addresses, err := a.host.Addresses(link.Index)
	if err != nil {
		return err
	}
	var d differences
	for _, gateway := range gateways {
		has := func(have kernel.Address) bool { return have.Prefix == gateway }
		d.when(!slices.ContainsFunc(addresses, has), "link %q does not have the gateway's address %s", link.Name, gateway)
	}
	return d.err()
}

func (a *attachment) checkElements() error {
	var want []kernel.Element
	if a.masquerade && len(a.result.IPs) > 0 {
		want = a.masqueradeElements()
	}
	if a.spoofCheck {
		link, err := a.pod.Link(a.request.IfName)
		if err != nil {
			return nil // reported by checkPod
		}
		want = append(want, kernel.SpoofCheckElements(a.owner, a.owner.Link, link.MAC)...)
	}
	if len(want) == 0 {
		return nil
	}
	have, err := a.host.Elements()
	if err != nil {
		return err
	}
	var d differences
	for _, e := range want {
		d.when(!slices.Contains(have, e), "nft table %q lacks the element %s", kernel.NftTable, e)
	}
	return d.err()
}

func (a *attachment) checkIPAM(ctx context.Context) error {
	if a.ipam == "" {
		return nil
	}
	driver, err := a.drivers.Driver(a.ipam)
	if err != nil {
		return fmt.Errorf("find ipam driver %q: %w", a.ipam, err)
	}
	return driver.Check(ctx, ipamRequest(a.request))
}
