package hostlocal

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/braid-cni/braid/ipam"
)

// check compares the leases of who with the addresses of prevResult that lie in the network's ranges. Addresses
// outside them are other plugins'.
func (c *config) check(l *ledger, who owner) error {
	own, old := l.leases(who)
	if len(own)+len(old) == 0 {
		return noLease(c.network, who)
	}
	reported, err := c.reported()
	if err != nil || reported == nil {
		return err
	}
	for _, addr := range reported {
		if !who.owns(l.index.owners[addr]) && c.gives(addr) {
			return ipam.Errorf(types.ErrInternal, "prevResult has %s, which is not leased to container %s, interface %s: delete the pod",
				addr, who.containerID, who.ifName)
		}
	}
	for _, addr := range own {
		if !slices.Contains(reported, addr) {
			return ipam.Errorf(types.ErrInternal, "%s is leased to container %s, interface %s, but prevResult does not have it: delete the pod",
				addr, who.containerID, who.ifName)
		}
	}
	return nil
}

// gives says whether addr lies in any range.
func (c *config) gives(addr netip.Addr) bool {
	return slices.ContainsFunc(c.sets, func(s set) bool { return s.contains(addr) })
}

// reported returns the addresses of prevResult, nil when there is no prevResult.
func (c *config) reported() ([]netip.Addr, error) {
	prev, err := ipam.PrevResult(c.cniVersion, c.prevResult)
	if prev == nil {
		return nil, err
	}
	addrs := []netip.Addr{}
	for _, ip := range prev.IPs {
		if addr, ok := netip.AddrFromSlice(ip.Address.IP); ok {
			addrs = append(addrs, addr.Unmap())
		}
	}
	return addrs, nil
}

// noLease is the error of CHECK for an attachment without an address.
func noLease(network string, who owner) error {
	return ipam.WithCode(types.ErrInternal, fmt.Errorf("network %q has no lease for container %s, interface %s: delete the pod to get one",
		network, who.containerID, who.ifName))
}
