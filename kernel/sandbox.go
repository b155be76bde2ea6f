package kernel

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"slices"
)

// A Family is an address family.
type Family int

// The address families.
const (
	IPv4 Family = 4
	IPv6 Family = 6
)

// FamilyOf returns the family of an address.
func FamilyOf(a netip.Addr) Family {
	if a.Is4() || a.Is4In6() {
		return IPv4
	}
	return IPv6
}

// LinkExists tells whether the namespace at a path has a link of that name. That there is no namespace is an
// error, which wraps ErrNoNetns.
func LinkExists(k Kernel, netns, ifname string) (bool, error) {
	found := true
	err := inside(k, netns, func(n Netns) error {
		_, err := n.Link(ifname)
		if errors.Is(err, ErrNoLink) {
			found = false
			return nil
		}
		return err
	})
	return found && err == nil, err
}

// RemoveDefaultRoutes deletes the default routes of some families by one link, in the main table of the
// namespace at a path, and returns those it deleted, also when it then fails: RestoreRoutes undoes it. That
// there are none is success; an IPv4 route over several links is an error, for it cannot be deleted in part.
func RemoveDefaultRoutes(k Kernel, netns, ifname string, families ...Family) ([]Route, error) {
	var removed []Route
	err := inside(k, netns, func(n Netns) error {
		routes, err := defaultRoutes(n, ifname, families)
		if err != nil {
			return err
		}
		for _, r := range routes {
			if err := n.DelRoute(r); err != nil {
				return err
			}
			removed = append(removed, r)
		}
		return noneLeft(n, ifname, families, len(removed))
	})
	if err != nil {
		return removed, fmt.Errorf("remove default routes of %q in %q: %w", ifname, netns, err)
	}
	return removed, nil
}

func defaultRoutes(n Netns, ifname string, families []Family) ([]Route, error) {
	link, err := n.Link(ifname)
	if err != nil {
		return nil, err
	}
	routes, err := n.Routes(0)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(routes, func(r Route) bool {
		return r.Link != link.Index || r.Dst.Bits() != 0 || !slices.Contains(families, FamilyOf(r.Dst.Addr()))
	}), nil
}

// noneLeft looks again, because the kernel says of one hop of several what it says of a route that is gone.
func noneLeft(n Netns, ifname string, families []Family, removed int) error {
	if removed == 0 {
		return nil
	}
	left, err := defaultRoutes(n, ifname, families)
	if err != nil {
		return err
	}
	if len(left) > 0 {
		return fmt.Errorf("route %s is still there; if it goes over several links, delete it with ip route", left[0])
	}
	return nil
}

// AddDefaultRoutes adds a default route by one link through each gateway, in the main table of the namespace at
// a path. A route that is there is success. When it fails, the routes it added are gone again.
func AddDefaultRoutes(k Kernel, netns, ifname string, gateways ...netip.Addr) error {
	err := inside(k, netns, func(n Netns) error {
		link, err := n.Link(ifname)
		if err != nil {
			return err
		}
		routes := make([]Route, len(gateways))
		for i, gateway := range gateways {
			dst := netip.PrefixFrom(netip.IPv6Unspecified(), 0)
			if gateway = gateway.Unmap(); gateway.Is4() {
				dst = netip.PrefixFrom(netip.IPv4Unspecified(), 0)
			}
			routes[i] = Route{Dst: dst, Gateway: gateway, Link: link.Index}
		}
		return addRoutes(n, routes)
	})
	if err != nil {
		return fmt.Errorf("add default routes of %q in %q: %w", ifname, netns, err)
	}
	return nil
}

// RestoreRoutes adds again what RemoveDefaultRoutes removed. Routes that are there are success.
func RestoreRoutes(k Kernel, netns string, routes []Route) error {
	if len(routes) == 0 {
		return nil
	}
	err := inside(k, netns, func(n Netns) error { return addRoutes(n, routes) })
	if err != nil {
		return fmt.Errorf("restore routes in %q: %w", netns, err)
	}
	return nil
}

// addRoutes adds all routes or none.
func addRoutes(n Netns, routes []Route) error {
	var added []Route
	for _, r := range routes {
		err := n.AddRoute(r)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			for _, a := range added {
				err = errors.Join(err, n.DelRoute(a))
			}
			return err
		}
		added = append(added, r)
	}
	return nil
}

func inside(k Kernel, netns string, f func(Netns) error) error {
	n, err := k.Open(netns)
	if err != nil {
		return err
	}
	return errors.Join(f(n), n.Close())
}

// AddVeth makes a pair whose first end needs no looking at.
func AddVeth(n Netns, v Veth) error {
	_, err := n.AddVeth(v)
	return err
}
