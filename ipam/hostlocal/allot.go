package hostlocal

import (
	"net/netip"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/braid-cni/braid/ipam"
)

// undo is a stack of what to take back; disarm forgets it.
type undo []func()

// run takes back, the last first.
func (u *undo) run() {
	for i := len(*u) - 1; i >= 0; i-- {
		(*u)[i]()
	}
}

// disarm keeps what was done.
func (u *undo) disarm() { *u = nil }

// allot leases one address of each range set to who. When one cannot be had, none is kept.
func (c *config) allot(l *ledger, who owner) ([]netip.Addr, error) {
	addrs := make([]netip.Addr, len(c.sets))
	for i := range c.sets {
		addr, err := c.choose(l, i, who)
		if err != nil {
			return nil, err
		}
		addrs[i] = addr
	}
	var back undo
	defer func() { back.run() }()
	for i, addr := range addrs {
		if err := l.write(i, addr, who); err != nil {
			return nil, ipam.WithCode(types.ErrIOFailure, err)
		}
		// An error here is beside the one that is returned, and DEL removes what stays.
		back = append(back, func() { _ = l.erase(addr) })
	}
	back.disarm()
	return addrs, nil
}

// choose finds the address that who gets of a range set.
func (c *config) choose(l *ledger, setNumber int, who owner) (netip.Addr, error) {
	s := c.sets[setNumber]
	own, old := l.leases(who)
	for _, addr := range append(own[:len(own):len(own)], old...) {
		if s.contains(addr) {
			return addr, ipam.Errorf(types.ErrInvalidEnvironmentVariables,
				"%s is leased already to container %s, interface %s (CNI_CONTAINERID, CNI_IFNAME): run DEL before a second ADD",
				addr, who.containerID, who.ifName)
		}
	}
	want := c.wanted[setNumber]
	switch {
	case !want.IsValid():
		return c.next(l, setNumber)
	case !l.free(want):
		return want, ipam.Errorf(types.ErrTryAgainLater,
			"the address asked for, %s, is leased to container %s: ask for another or delete that container first",
			want, l.index.owners[want].containerID)
	}
	return want, nil
}

// next finds the free address that follows the last one given. An address whose lease has no owner is left for
// last: somebody may have made that file by hand to keep the address.
func (c *config) next(l *ledger, setNumber int) (netip.Addr, error) {
	last := l.last(setNumber)
	for _, busy := range []func(netip.Addr) bool{l.taken, func(a netip.Addr) bool { return !l.free(a) }} {
		if addr, ok := c.find(setNumber, last, busy); ok {
			return addr, nil
		}
	}
	return netip.Addr{}, c.full(setNumber)
}

// find is the first address of a range set after last that is neither busy nor a gateway.
func (c *config) find(setNumber int, last netip.Addr, busy func(netip.Addr) bool) (netip.Addr, bool) {
	for addr := range c.sets[setNumber].after(last) {
		if !busy(addr) && !c.gateway(addr) {
			return addr, true
		}
	}
	return netip.Addr{}, false
}

// full is the error for a range set without a free address.
func (c *config) full(setNumber int) error {
	s := c.sets[setNumber]
	return ipam.Errorf(ipam.ErrUnavailable,
		"network %q has no free address: all %s of range set %d, %s, are leased or gateways: delete pods, widen the range, or remove stale leases from %s",
		c.network, s.size(), setNumber, s, c.folder)
}
