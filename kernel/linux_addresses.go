package kernel

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

func (n *linuxNetns) Addresses(link int) ([]Address, error) {
	found, err := dump(func() ([]netlink.Addr, error) {
		return n.handle.AddrList(device(link), netlink.FAMILY_ALL)
	})
	if err != nil {
		return nil, fmt.Errorf("list addresses of link %d: %w", link, err)
	}
	addresses := make([]Address, 0, len(found))
	for _, a := range found {
		addresses = append(addresses, Address{
			Prefix:    Prefix(*a.IPNet),
			NoDAD:     a.Flags&unix.IFA_F_NODAD != 0,
			Tentative: a.Flags&unix.IFA_F_TENTATIVE != 0,
			Duplicate: a.Flags&unix.IFA_F_DADFAILED != 0,
		})
	}
	return addresses, nil
}

func (n *linuxNetns) AddAddress(link int, a Address) error {
	addr := &netlink.Addr{IPNet: ipNet(a.Prefix)}
	if a.NoDAD && a.Prefix.Addr().Is6() {
		addr.Flags = unix.IFA_F_NODAD
	}
	err := n.change("add address", func() error { return n.handle.AddrAdd(device(link), addr) })
	if err != nil {
		return fmt.Errorf("add address %s to link %d: %w", a.Prefix, link, err)
	}
	return nil
}

func (n *linuxNetns) DelAddress(link int, p netip.Prefix) error {
	addr := &netlink.Addr{IPNet: ipNet(p)}
	err := n.change("delete address", func() error { return n.handle.AddrDel(device(link), addr) })
	if err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) {
		return fmt.Errorf("delete address %s of link %d: %w", p, link, err)
	}
	return nil
}

func device(index int) netlink.Link {
	attrs := netlink.NewLinkAttrs()
	attrs.Index = index
	return &netlink.Device{LinkAttrs: attrs}
}

// Prefix converts without cutting host bits; an IPv4 address in 16-byte form becomes IPv4.
func Prefix(n net.IPNet) netip.Prefix {
	addr, _ := netip.AddrFromSlice(n.IP)
	ones, bits := n.Mask.Size()
	addr = addr.Unmap()
	if addr.Is4() && bits == 128 {
		ones -= 96
	}
	return netip.PrefixFrom(addr, ones)
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
