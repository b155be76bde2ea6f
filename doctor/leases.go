package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"path"
)

const (
	// leaseDir is where host-local keeps leases unless dataDir says otherwise.
	leaseDir = "/var/lib/cni/networks"
	// tightAt is the part of a range, in percent, from which on it is called tight.
	tightAt = 90
	// maxBits bounds the ranges that are counted: larger ones are not filled by pods of a node.
	maxBits = 20
)

// A hostLocal is an ipam object of that type.
type hostLocal struct {
	Type    string `json:"type"`
	DataDir string `json:"dataDir"`
	addressRange
	Ranges [][]addressRange `json:"ranges"`
}

type addressRange struct {
	Subnet     netip.Prefix `json:"subnet"`
	RangeStart netip.Addr   `json:"rangeStart"`
	RangeEnd   netip.Addr   `json:"rangeEnd"`
}

// ipam is the zero hostLocal for any other type, whose fields may have other shapes.
func (n inlineNetwork) ipam() hostLocal {
	var h hostLocal
	if json.Unmarshal(n.IPAM, &h) != nil || h.Type != "host-local" {
		return hostLocal{}
	}
	return h
}

// ranges are those of both forms.
func (h hostLocal) ranges() (ranges []addressRange) {
	for _, set := range append([][]addressRange{{h.addressRange}}, h.Ranges...) {
		for _, r := range set {
			if r.Subnet.IsValid() {
				ranges = append(ranges, r)
			}
		}
	}
	return ranges
}

// leases finds ranges of eth0 that are full or nearly so. Ranges of other networks stand in their NADs, which are not on
// the node.
func leases(_ context.Context, v *visit) (found []Finding, err error) {
	for _, n := range append(v.inlineNetworks(), v.otherNetworks()...) {
		for _, r := range n.ipam().ranges() {
			f, err := v.fill(n, r)
			if err != nil {
				return found, err
			}
			found = append(found, f...)
		}
	}
	return found, nil
}

// otherNetworks are those of other CNIs' files.
func (v *visit) otherNetworks() (all []inlineNetwork) {
	for _, c := range v.confs {
		if !c.isOther() {
			continue
		}
		for _, p := range c.plugins {
			for _, n := range networksIn(p.raw) {
				n.Name = c.name
				all = append(all, n)
			}
		}
	}
	return all
}

// fill compares a range with its leases, which are files with the address for their name.
func (v *visit) fill(n inlineNetwork, r addressRange) ([]Finding, error) {
	size := r.size()
	if size == 0 {
		return nil, nil
	}
	dir := n.ipam().DataDir
	if dir == "" {
		dir = leaseDir
	}
	dir = path.Join(dir, n.Name)
	entries, err := v.files.list(dir)
	if err != nil {
		return nil, err
	}
	taken := 0
	for _, e := range entries {
		if a, err := netip.ParseAddr(e.Name()); err == nil && r.contains(a) {
			taken++
		}
	}
	what := fmt.Sprintf("%d of %d addresses of %s are leased in %s", taken, size, r.Subnet, dir)
	mend := "delete pods, or give the node a larger range; leases of containers that are gone end with the runtime's next GC, or are removed by hand: each file there names its container"
	switch {
	case taken >= size:
		return []Finding{fault("all addresses are in use: "+what, mend)}, nil
	case taken*100 >= size*tightAt:
		return []Finding{warning("few addresses are left: "+what, mend)}, nil
	}
	return nil, nil
}

func (r addressRange) contains(a netip.Addr) bool {
	return r.Subnet.Contains(a) && (!r.RangeStart.IsValid() || !a.Less(r.RangeStart)) && (!r.RangeEnd.IsValid() || !r.RangeEnd.Less(a))
}

// size is the number of addresses for pods: without the network's, the last (IPv4 broadcast) and the gateway, which is the
// first unless configured. It is 0 for a range that is not counted.
func (r addressRange) size() int {
	bits := r.Subnet.Addr().BitLen() - r.Subnet.Bits()
	if bits < 2 || bits > maxBits {
		return 0
	}
	size, gateway := 0, r.Subnet.Masked().Addr().Next()
	for a := gateway.Next(); r.Subnet.Contains(a); a = a.Next() {
		if r.contains(a) && (a.Is6() || r.Subnet.Contains(a.Next())) {
			size++
		}
	}
	return size
}
