package delegate

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/braid-cni/braid/store"
)

// routeDefault makes the kernel and the result agree with the default routes that the plan gives this attachment, and
// returns the result in its own version: CHECK compares with it later.
func (d *Delegator) routeDefault(ctx context.Context, netns string, a *store.Attachment, result types.Result) (types.Result, error) {
	want := a.DefaultRoutes
	if !want.Drop4 && !want.Drop6 && len(want.Gateways) == 0 {
		return result, nil
	}
	r, err := current.NewResultFromResult(result)
	if err != nil {
		return nil, fmt.Errorf("read the result: %w", err)
	}
	if err := d.o.Sandbox.DropDefaultRoutes(ctx, netns, a.IfName, want.Drop4, want.Drop6); err != nil {
		return nil, err
	}
	if err := d.o.Sandbox.AddDefaultRoutes(ctx, netns, a.IfName, want.Gateways); err != nil {
		return nil, err
	}
	r.Routes = append(keepRoutes(r.Routes, want), defaultRoutes(want.Gateways)...)
	return r.GetAsVersion(result.Version())
}

// keepRoutes drops the default routes that were removed from the kernel.
func keepRoutes(routes []*types.Route, want store.DefaultRoutes) []*types.Route {
	var kept []*types.Route
	for _, route := range routes {
		ones, bits := route.Dst.Mask.Size()
		isDefault := ones == 0
		if isDefault && (bits == 32 && want.Drop4 || bits == 128 && want.Drop6) {
			continue
		}
		kept = append(kept, route)
	}
	return kept
}

func defaultRoutes(gateways []string) []*types.Route {
	var routes []*types.Route
	for _, gateway := range gateways {
		addr, err := netip.ParseAddr(gateway)
		if err != nil {
			continue // the plan holds addresses only
		}
		dst := netip.PrefixFrom(netip.IPv4Unspecified(), 0)
		if addr.Is6() {
			dst = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
		}
		routes = append(routes, &types.Route{Dst: ipNet(dst), GW: addr.AsSlice()})
	}
	return routes
}

func ipNet(p netip.Prefix) net.IPNet {
	return net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
