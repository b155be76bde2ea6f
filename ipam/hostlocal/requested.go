package hostlocal

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/braid-cni/braid/ipam"
)

// A request is one address that was asked for, and the field that did.
type request struct {
	field string
	addr  netip.Addr
}

// parseRequested collects the addresses asked for in CNI_ARGS, args and runtimeConfig, each address once.
func parseRequested(m *ipam.Mistakes, n *ipam.RawNet, args ipam.Args) []request {
	var asked []request
	sources := []struct {
		field  string
		values []string
	}{
		{"CNI_ARGS IP", args.List("IP")},
		{"args.cni.ips", n.Args.CNI.IPs},
		{"runtimeConfig.ips", n.RuntimeConfig.IPs},
	}
	for _, source := range sources {
		for _, value := range source.values {
			addr, ok := parseAddrOrPrefix(value)
			if !ok {
				m.Add(source.field, value, "is no IP address: write one such as 10.1.2.3 or 10.1.2.3/24")
				continue
			}
			if !slices.ContainsFunc(asked, func(r request) bool { return r.addr == addr }) {
				asked = append(asked, request{source.field, addr})
			}
		}
	}
	return asked
}

// parseAddrOrPrefix reads an address with or without a prefix length; host-local takes the length from the range.
func parseAddrOrPrefix(s string) (netip.Addr, bool) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p.Addr().Unmap(), true
	}
	addr, err := netip.ParseAddr(s)
	return addr.Unmap(), err == nil && addr.Zone() == ""
}

// assign gives each set the first address asked for that lies in it. What is left over cannot be had.
func (c *config) assign(m *ipam.Mistakes, asked []request) {
	c.wanted = make([]netip.Addr, len(c.sets))
	for _, r := range asked {
		free := slices.IndexFunc(c.sets, func(s set) bool { return s.contains(r.addr) })
		switch {
		case free < 0:
			m.Add(r.field, r.addr, "lies in no range of the network: ask for an address in "+c.ranges())
		case c.gateway(r.addr):
			m.Add(r.field, r.addr, "is the gateway of a range: ask for another address")
		case c.wanted[free].IsValid():
			m.Add(r.field, r.addr, fmt.Sprintf("is a second address of range set %d beside %s: ask for one a set", free, c.wanted[free]))
		default:
			c.wanted[free] = r.addr
		}
	}
}

// gateway says whether any range has addr as its gateway. Such an address is never given out, also not by another
// range of the same subnet.
func (c *config) gateway(addr netip.Addr) bool {
	return slices.ContainsFunc(c.sets, func(s set) bool {
		return slices.ContainsFunc(s, func(r addrRange) bool { return r.gateway == addr })
	})
}

// ranges lists every range for an error message.
func (c *config) ranges() string {
	all := make([]string, len(c.sets))
	for i, s := range c.sets {
		all[i] = s.String()
	}
	return strings.Join(all, ", ")
}
