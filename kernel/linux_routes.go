package kernel

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

func (n *linuxNetns) Routes(table int) ([]Route, error) {
	h, err := n.handle()
	if err != nil {
		return nil, err
	}
	filter := &netlink.Route{Table: mainIfZero(table)}
	var routes []Route
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		found, err := dump(func() ([]netlink.Route, error) {
			return h.RouteListFiltered(family, filter, netlink.RT_FILTER_TABLE)
		})
		if err != nil {
			return nil, fmt.Errorf("list routes of table %d: %w", filter.Table, err)
		}
		for _, r := range found {
			if r.Type == unix.RTN_UNICAST {
				routes = append(routes, fromRoute(family, r)...)
			}
		}
	}
	return routes, nil
}

func (n *linuxNetns) AddRoute(r Route) error {
	h, err := n.handle()
	if err != nil {
		return err
	}
	err = n.change("add route", func() error { return h.RouteAddEcmp(toRoute(r)) })
	if err != nil {
		return fmt.Errorf("add route %s: %w", r, err)
	}
	return nil
}

func (n *linuxNetns) DelRoute(r Route) error {
	h, err := n.handle()
	if err != nil {
		return err
	}
	err = n.change("delete route", func() error { return h.RouteDel(toRoute(r)) })
	if err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("delete route %s: %w", r, err)
	}
	return nil
}

// String is the route as ip-route(8) would write it, with the link's index.
func (r Route) String() string {
	s := r.Dst.String()
	if r.Gateway.IsValid() {
		s += " via " + r.Gateway.String()
	}
	s += fmt.Sprintf(" link %d", r.Link)
	if r.Table != 0 {
		s += fmt.Sprintf(" table %d", r.Table)
	}
	if r.Priority != 0 {
		s += fmt.Sprintf(" metric %d", r.Priority)
	}
	return s
}

func mainIfZero(table int) int {
	if table == 0 {
		return unix.RT_TABLE_MAIN
	}
	return table
}

func toRoute(r Route) *netlink.Route {
	route := &netlink.Route{
		Dst: ipNet(r.Dst), LinkIndex: r.Link, Table: mainIfZero(r.Table), Priority: r.Priority,
		Scope: netlink.Scope(r.Scope), Protocol: netlink.RouteProtocol(r.Protocol), MTU: r.MTU, AdvMSS: r.AdvMSS,
	}
	if r.Protocol == 0 {
		route.Protocol = RouteProtocol
	}
	if r.Gateway.IsValid() {
		route.Gw = r.Gateway.AsSlice()
	}
	if r.OnLink {
		route.Flags = int(netlink.FLAG_ONLINK)
	}
	return route
}

// fromRoute returns one Route for each next hop: the kernel shows IPv6 routes with equal metric as one.
func fromRoute(family int, r netlink.Route) []Route {
	base := Route{
		Dst: netip.PrefixFrom(netip.IPv4Unspecified(), 0), Link: r.LinkIndex, Gateway: address(r.Gw),
		Priority: r.Priority, Scope: int(r.Scope), Protocol: int(r.Protocol), MTU: r.MTU, AdvMSS: r.AdvMSS,
		OnLink: r.Flags&int(netlink.FLAG_ONLINK) != 0,
	}
	if family == netlink.FAMILY_V6 {
		base.Dst = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
	}
	if r.Dst != nil {
		base.Dst = Prefix(*r.Dst)
	}
	if r.Table != unix.RT_TABLE_MAIN {
		base.Table = r.Table
	}
	if len(r.MultiPath) == 0 {
		return []Route{base}
	}
	routes := make([]Route, len(r.MultiPath))
	for i, hop := range r.MultiPath {
		routes[i] = base
		routes[i].Link, routes[i].Gateway = hop.LinkIndex, address(hop.Gw)
	}
	return routes
}

func address(ip net.IP) netip.Addr {
	a, _ := netip.AddrFromSlice(ip)
	return a.Unmap()
}
