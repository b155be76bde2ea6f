package kernel

import (
	"fmt"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"
)

func (n *fakeNetns) Addresses(link int) ([]Address, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	l := n.space.links[link]
	if l == nil {
		return nil, nil
	}
	return slices.Clone(l.addresses), nil
}

func (n *fakeNetns) AddAddress(link int, a Address) error {
	return n.locked("add address", func() error {
		return n.space.addAddress(link, a)
	})
}

func (s *fakeSpace) addAddress(link int, a Address) error {
	l := s.links[link]
	if l == nil {
		return fmt.Errorf("add address %s to link %d: %w", a.Prefix, link, unix.ENODEV)
	}
	if slices.ContainsFunc(l.addresses, func(o Address) bool { return o.Prefix == a.Prefix }) {
		return fmt.Errorf("add address %s to link %d: %w", a.Prefix, link, unix.EEXIST)
	}
	l.addresses = append(l.addresses, a)
	return nil
}

func (n *fakeNetns) SetUp(link int, announce bool, addresses ...Address) error {
	return n.locked("set up", func() error {
		if l := n.space.links[link]; l != nil && announce {
			n.space.sysctls["net/ipv4/conf/"+l.Name+"/arp_notify"] = "1"
		}
		for _, a := range addresses {
			if err := n.space.addAddress(link, a); err != nil {
				return err
			}
		}
		if n.space.links[link] == nil {
			return fmt.Errorf("set link %d up: %w", link, ErrNoLink)
		}
		n.space.links[link].Up = true
		return nil
	})
}

func (n *fakeNetns) DelAddress(link int, p netip.Prefix) error {
	return n.locked("delete address", func() error {
		if l := n.space.links[link]; l != nil {
			l.addresses = slices.DeleteFunc(l.addresses, func(a Address) bool { return a.Prefix == p })
		}
		return nil
	})
}

func (n *fakeNetns) Routes(table int) ([]Route, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	var routes []Route
	for _, r := range n.space.routes {
		if mainIfZero(r.Table) == mainIfZero(table) {
			routes = append(routes, r)
		}
	}
	return routes, nil
}

func (n *fakeNetns) AddRoute(r Route) error {
	return n.locked("add route", func() error {
		if err := n.space.addRoute(normal(r)); err != nil {
			return fmt.Errorf("add route %s: %w", r, err)
		}
		return nil
	})
}

func (s *fakeSpace) addRoute(r Route) error {
	link := s.links[r.Link]
	if link == nil {
		return unix.ENODEV
	}
	if !link.Up {
		return unix.ENETDOWN
	}
	if r.Gateway.IsValid() && !r.OnLink && !link.reaches(r.Gateway) {
		return unix.ENETUNREACH
	}
	if slices.Contains(s.routes, r) {
		return unix.EEXIST
	}
	s.routes = append(s.routes, r)
	return nil
}

// reaches tells whether an address is a neighbour by one of the link's subnets.
func (l *fakeLink) reaches(a netip.Addr) bool {
	if a.IsLinkLocalUnicast() && a.Is6() {
		return true
	}
	return slices.ContainsFunc(l.addresses, func(own Address) bool { return own.Prefix.Contains(a) })
}

func (n *fakeNetns) DelRoute(r Route) error {
	return n.locked("delete route", func() error {
		n.space.routes = slices.DeleteFunc(n.space.routes, func(o Route) bool { return o == normal(r) })
		return nil
	})
}

// normal is a route as the kernel shows it.
func normal(r Route) Route {
	if r.Protocol == 0 {
		r.Protocol = RouteProtocol
	}
	if r.Table == unix.RT_TABLE_MAIN {
		r.Table = 0
	}
	if r.Dst.Addr().Is6() && r.Priority == 0 {
		r.Priority = 1024
	}
	return r
}
