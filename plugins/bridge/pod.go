package bridge

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"time"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/braid-cni/braid/ipam"
	"github.com/braid-cni/braid/kernel"
	"github.com/braid-cni/braid/plugins/plugin"
	"github.com/braid-cni/braid/together"
)

// Limits on waiting: for the bridge port to pass packets, and for IPv6 duplicate address detection.
const (
	runningTimeout = 2550 * time.Millisecond
	settleTimeout  = 5 * time.Second
)

// connectAndLease makes the veth and takes addresses, both at the same time unless the IPAM driver may want to see the veth. What
// fails later takes the veth away first: an address is free when nothing has it any more.
func (a *attachment) connectAndLease(ctx context.Context, u *undo) error {
	driver, err := a.driver(a.config)
	if err != nil {
		return err
	}
	u.push(func() error { return a.giveBack(context.WithoutCancel(ctx)) })
	if driver == nil {
		return a.connect(ctx, u)
	}
	if ipam.Executed(driver) {
		if err := a.connect(ctx, u); err != nil {
			return err
		}
		return a.lease(ctx, driver)
	}
	var unconnected, unleased error
	together.Do(func() { unconnected = a.connect(ctx, u) }, func() { unleased = a.lease(ctx, driver) })
	return errors.Join(unconnected, unleased)
}

// driver is nil where there is no IPAM.
func (p *Plugin) driver(c *config) (ipam.Driver, error) {
	if c.ipam == "" {
		return nil, nil
	}
	driver, err := p.drivers.Driver(c.ipam)
	if err != nil {
		return nil, fmt.Errorf("find ipam driver %q: %w", c.ipam, err)
	}
	return driver, nil
}

// lease asks the IPAM driver and completes its answer: gateways, default routes, interface indexes.
func (a *attachment) lease(ctx context.Context, driver ipam.Driver) error {
	got, err := driver.Add(ctx, ipamRequest(a.request))
	if err != nil {
		return fmt.Errorf("take addresses from ipam %q: %w", a.ipam, err)
	}
	a.leased = true
	if len(got.IPs) == 0 {
		return fmt.Errorf("take addresses from ipam %q: it gave none; check its configuration", a.ipam)
	}
	a.result.IPs, a.result.Routes, a.result.DNS = got.IPs, got.Routes, got.DNS
	for _, ip := range a.result.IPs {
		ip.Interface = current.Int(2)
		if err := a.completeGateway(ip); err != nil {
			return err
		}
	}
	if a.defaultGateway {
		a.addDefaultRoutes()
	}
	return nil
}

func (a *attachment) giveBack(ctx context.Context) error {
	if !a.leased {
		return nil
	}
	return a.freeAddresses(ctx, a.config, a.request)
}

// completeGateway takes the first address of the subnet for the gateway if there is to be one.
func (a *attachment) completeGateway(ip *current.IPConfig) error {
	if !a.gateway || ip.Gateway != nil {
		return nil
	}
	subnet := kernel.Prefix(ip.Address)
	if !subnet.IsValid() || subnet.IsSingleIP() {
		return fmt.Errorf("choose a gateway for %s: ipam %q gave none, and a subnet of one address has none; set it there",
			ip.Address.String(), a.ipam)
	}
	ip.Gateway = subnet.Masked().Addr().Next().AsSlice()
	return nil
}

// addDefaultRoutes adds one for each family that has addresses and that IPAM gave none through a gateway.
func (a *attachment) addDefaultRoutes() {
	done := make(map[kernel.Family]bool)
	for _, r := range a.result.Routes {
		if r.GW != nil && kernel.Prefix(r.Dst).Bits() == 0 {
			done[kernel.FamilyOf(kernel.Prefix(r.Dst).Addr())] = true
		}
	}
	for _, ip := range a.result.IPs {
		family := kernel.FamilyOf(kernel.Prefix(ip.Address).Addr())
		if done[family] {
			continue
		}
		done[family] = true
		dst := net.IPNet{IP: net.IPv4zero.To4(), Mask: net.CIDRMask(0, 32)}
		if family == kernel.IPv6 {
			dst = net.IPNet{IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)}
		}
		a.result.Routes = append(a.result.Routes, &types.Route{Dst: dst, GW: ip.Gateway})
	}
}

func ipamRequest(r *plugin.Request) *ipam.Request {
	return &ipam.Request{
		ContainerID: r.ContainerID, Netns: r.Netns, IfName: r.IfName, Args: r.Args, Path: r.Path, Config: r.Config,
	}
}

func (p *Plugin) freeAddresses(ctx context.Context, c *config, r *plugin.Request) error {
	driver, err := p.driver(c)
	if driver == nil {
		return err
	}
	if err := driver.Del(ctx, ipamRequest(r)); err != nil {
		return fmt.Errorf("free addresses of ipam %q: %w", c.ipam, err)
	}
	return nil
}

// configurePod sets the container end up with its addresses and routes.
func (a *attachment) configurePod(ctx context.Context) error {
	if a.noContainerLink {
		return nil
	}
	var addresses []kernel.Address
	if a.ipam != "" {
		if err := a.pod.SetSysctls(a.settings()...); err != nil {
			return err
		}
		for _, ip := range a.result.IPs {
			addresses = append(addresses, kernel.Address{Prefix: kernel.Prefix(ip.Address), NoDAD: !a.dad})
		}
	}
	if err := a.pod.SetUp(a.podLink.Index, a.ipam != "", addresses...); err != nil {
		return err
	}
	if a.dad && a.ipam != "" {
		if err := a.settle(ctx); err != nil {
			return err
		}
	}
	for _, r := range a.result.Routes {
		if err := a.addRoute(r); err != nil {
			return err
		}
	}
	return nil
}

// settings are written before the addresses come and the link is up.
func (a *attachment) settings() []kernel.Setting {
	v6 := "net/ipv6/conf/" + a.request.IfName
	var settings []kernel.Setting
	if a.dad {
		settings = append(settings,
			kernel.Setting{Name: v6 + "/enhanced_dad", Value: "1", Optional: true},
			kernel.Setting{Name: v6 + "/accept_dad", Value: "1", Optional: true})
	} else {
		settings = append(settings, kernel.Setting{Name: v6 + "/accept_dad", Value: "0", Optional: true})
	}
	for _, ip := range a.result.IPs {
		if kernel.Prefix(ip.Address).Addr().Is6() {
			return append(settings,
				kernel.Setting{Name: "net/ipv6/conf/lo/disable_ipv6", Value: "0"},
				kernel.Setting{Name: v6 + "/disable_ipv6", Value: "0"},
				kernel.Setting{Name: v6 + "/keep_addr_on_down", Value: "1"})
		}
	}
	return settings
}

// addRoute gives a route without a gateway the first gateway of its family. The very same route again is fine.
func (a *attachment) addRoute(r *types.Route) error {
	route := kernel.Route{
		Dst: kernel.Prefix(r.Dst), Gateway: a.nextHop(r), Link: a.podLink.Index, Priority: r.Priority,
		MTU: r.MTU, AdvMSS: r.AdvMSS,
	}
	if r.Table != nil {
		route.Table = *r.Table
	}
	if r.Scope != nil {
		route.Scope = *r.Scope
	}
	if err := a.pod.AddRoute(route); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

func (a *attachment) nextHop(r *types.Route) netip.Addr {
	if r.GW != nil {
		return addr(r.GW)
	}
	family := kernel.FamilyOf(kernel.Prefix(r.Dst).Addr())
	for _, ip := range a.result.IPs {
		if gateway := addr(ip.Gateway); gateway.IsValid() && kernel.FamilyOf(gateway) == family {
			return gateway
		}
	}
	return netip.Addr{}
}

func addr(ip net.IP) netip.Addr {
	a, _ := netip.AddrFromSlice(ip)
	return a.Unmap()
}

// settle waits until no address is tentative.
func (a *attachment) settle(ctx context.Context) error {
	return poll(ctx, settleTimeout, func() (bool, error) {
		addresses, err := a.pod.Addresses(a.podLink.Index)
		if err != nil {
			return false, err
		}
		for _, own := range addresses {
			if own.Duplicate {
				return false, fmt.Errorf("use address %s on %q: another host has it (IPv6 duplicate address detection)",
					own.Prefix, a.request.IfName)
			}
			if own.Tentative {
				return false, nil
			}
		}
		return true, nil
	}, fmt.Sprintf("wait for IPv6 duplicate address detection on %q", a.request.IfName))
}

// awaitPort waits, now or later, until the host end is operational, which it is soon after the container end went up.
func (a *attachment) awaitPort(ctx context.Context) error {
	if a.noContainerLink {
		return nil
	}
	p, port := a.Plugin, a.owner.Link
	wait := func(ctx context.Context) error { return p.waitRunning(ctx, port) }
	if a.request.Later == nil {
		return wait(ctx)
	}
	a.request.Later(wait)
	return nil
}

func (p *Plugin) waitRunning(ctx context.Context, port string) error {
	host, err := p.kernel.Host()
	if err != nil {
		return err
	}
	defer host.Close()
	return poll(ctx, runningTimeout, func() (bool, error) {
		link, err := host.Link(port)
		return link.Running, err
	}, fmt.Sprintf("wait for bridge port %q to come up", port))
}

// patience is how long poll asks every 25 µs, before it takes longer pauses.
const patience = time.Millisecond

// poll asks again and again, after pauses that grow up to 50 ms.
func poll(ctx context.Context, timeout time.Duration, done func() (bool, error), what string) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	pause, began := 25*time.Microsecond, time.Now()
	for {
		ok, err := done()
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, ctx.Err())
		case <-time.After(pause):
		}
		if time.Since(began) > patience {
			pause = min(2*pause, 50*time.Millisecond)
		}
	}
}
