package hostlocal

import (
	"fmt"
	"iter"
	"math/big"
	"net/netip"
	"slices"
	"strings"

	"github.com/braid-cni/braid/ipam"
)

// addrRange is a run of addresses in one subnet, both ends included. IPv4 is never in its IPv6-mapped form.
type addrRange struct {
	subnet      netip.Prefix
	first, last netip.Addr
	gateway     netip.Addr
}

// A set is ranges of one family that do not overlap; an attachment gets one address out of it.
type set []addrRange

// parseRange validates one range that stands at field and fills in what is not given: gateway and first are the
// subnet's first host, last is its last address, of IPv4 the one before the broadcast address.
func parseRange(m *ipam.Mistakes, field string, raw rawRange) addrRange {
	subnet, ok := parseSubnet(m, field+".subnet", raw.Subnet)
	if !ok {
		return addrRange{}
	}
	first := subnet.Addr().Next()
	r := addrRange{subnet: subnet, first: first, last: lastHost(subnet), gateway: first}
	parseAddr(m, field+".gateway", raw.Gateway, &r.gateway)
	if parseAddr(m, field+".rangeStart", raw.RangeStart, &r.first) && !subnet.Contains(r.first) {
		m.Add(field+".rangeStart", raw.RangeStart, fmt.Sprintf("lies outside the subnet %s: take an address in it", subnet))
	}
	if parseAddr(m, field+".rangeEnd", raw.RangeEnd, &r.last) && !subnet.Contains(r.last) {
		m.Add(field+".rangeEnd", raw.RangeEnd, fmt.Sprintf("lies outside the subnet %s: take an address in it", subnet))
	}
	if subnet.Contains(r.first) && subnet.Contains(r.last) && r.last.Less(r.first) {
		m.Add(field+".rangeEnd", r.last, fmt.Sprintf("lies before the start of the range, %s: exchange or mend them", r.first))
	}
	return r
}

// parseSubnet reads a subnet that has room for addresses and no host bits.
func parseSubnet(m *ipam.Mistakes, field, value string) (netip.Prefix, bool) {
	p, err := netip.ParsePrefix(value)
	switch {
	case err != nil || p.Addr().Is4In6():
		m.Add(field, value, "is no subnet: write one such as 10.1.2.0/24 or fd00::/64")
	case p.Bits() > p.Addr().BitLen()-2:
		m.Add(field, value, fmt.Sprintf("is too small to give addresses from: write a prefix length of at most /%d", p.Addr().BitLen()-2))
	case p != p.Masked():
		m.Add(field, value, fmt.Sprintf("has host bits set: write %s", p.Masked()))
	default:
		return p, true
	}
	return netip.Prefix{}, false
}

// parseAddr reads an address into addr. It returns false, and leaves addr alone, when there is none or a wrong one.
func parseAddr(m *ipam.Mistakes, field, value string, addr *netip.Addr) bool {
	if value == "" {
		return false
	}
	a, err := netip.ParseAddr(value)
	if err != nil || a.Zone() != "" {
		m.Add(field, value, "is no IP address: write one such as 10.1.2.3 or fd00::3")
		return false
	}
	*addr = a.Unmap()
	return true
}

// lastHost is the last address of a subnet that is given out by default.
func lastHost(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for bit := p.Bits(); bit < len(b)*8; bit++ {
		b[bit/8] |= 0x80 >> (bit % 8)
	}
	last, _ := netip.AddrFromSlice(b)
	if last.Is4() {
		return last.Prev()
	}
	return last
}

// contains says whether addr may be given out of the range, gateways aside.
func (r addrRange) contains(addr netip.Addr) bool {
	return r.subnet.Contains(addr) && !addr.Less(r.first) && !r.last.Less(addr)
}

// String is the range as "first-last".
func (r addrRange) String() string { return r.first.String() + "-" + r.last.String() }

// contains says whether addr lies in a range of the set.
func (s set) contains(addr netip.Addr) bool { return s.index(addr) >= 0 }

// index is the place of the range that addr lies in, or -1.
func (s set) index(addr netip.Addr) int {
	return slices.IndexFunc(s, func(r addrRange) bool { return r.contains(addr) })
}

// String lists the set's ranges.
func (s set) String() string {
	all := make([]string, len(s))
	for i, r := range s {
		all[i] = r.String()
	}
	return strings.Join(all, ", ")
}

// checkInside finds what is wrong between the ranges of one set.
func (s set) checkInside(m *ipam.Mistakes, field string) {
	for i, r := range s {
		if r.first.Is4() != s[0].first.Is4() {
			m.Add(field, r, fmt.Sprintf("is of another family than %s: put it into a set of its own", s[0]))
		}
		if a, _, ok := overlap(s[:i], s[i:i+1]); ok {
			m.Add(field, r, fmt.Sprintf("overlaps %s of the same set: write each address once", a))
		}
	}
}

// overlap finds a range of a that shares an address with a range of b.
func overlap(a, b set) (addrRange, addrRange, bool) {
	for _, x := range a {
		for _, y := range b {
			if x.first.Is4() == y.first.Is4() && !x.last.Less(y.first) && !y.last.Less(x.first) {
				return x, y, true
			}
		}
	}
	return addrRange{}, addrRange{}, false
}

// after yields every address of the set once, beginning with the one that follows last and coming back to last at
// the end, so that an address just freed is given again as late as possible. A last outside the set means: from
// the set's start.
func (s set) after(last netip.Addr) iter.Seq[netip.Addr] {
	runs := slices.Clone(s)
	if at := s.index(last); at >= 0 {
		runs = slices.Concat(s[at+1:], s[:at])
		// The tail is left out when last ends its range, and cannot be asked of the end of the address space.
		if tail := (addrRange{first: last.Next(), last: s[at].last}); last != s[at].last {
			runs = slices.Insert(runs, 0, tail)
		}
		runs = append(runs, addrRange{first: s[at].first, last: last})
	}
	return func(yield func(netip.Addr) bool) {
		for _, r := range runs {
			for a := r.first; a.IsValid() && !r.last.Less(a); a = a.Next() {
				if !yield(a) {
					return
				}
			}
		}
	}
}

// size is the number of addresses in the range, a gateway included.
func (r addrRange) size() *big.Int {
	n := new(big.Int).Sub(new(big.Int).SetBytes(r.last.AsSlice()), new(big.Int).SetBytes(r.first.AsSlice()))
	return n.Add(n, big.NewInt(1))
}

// size is the number of addresses in the set, gateways included, as a decimal number: an IPv6 range may hold more
// than a machine word counts.
func (s set) size() string {
	sum := new(big.Int)
	for _, r := range s {
		sum.Add(sum, r.size())
	}
	return sum.String()
}
