package kernel

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Addresses are asked for of one link: a node that is full has hundreds.
func (n *linuxNetns) Addresses(link int) ([]Address, error) {
	found, err := dump(func() ([][]byte, error) {
		req := nl.NewNetlinkRequest(unix.RTM_GETADDR, unix.NLM_F_DUMP)
		msg := nl.NewIfAddrmsg(unix.AF_UNSPEC)
		msg.Index = uint32(link)
		req.AddData(msg)
		return n.route.list(req, unix.RTM_NEWADDR)
	})
	if err != nil && !errors.Is(err, unix.ENODEV) {
		return nil, fmt.Errorf("list addresses of link %d: %w", link, err)
	}
	addresses := make([]Address, 0, len(found))
	for _, raw := range found {
		a, err := readAddress(raw)
		if err != nil {
			return nil, fmt.Errorf("read an address of link %d: %w", link, err)
		}
		addresses = append(addresses, a)
	}
	return addresses, nil
}

// readAddress reads the local address: IFA_ADDRESS is the other end's on a point-to-point link.
func readAddress(raw []byte) (Address, error) {
	if len(raw) < unix.SizeofIfAddrmsg {
		return Address{}, unix.EBADMSG
	}
	attributes, err := nl.ParseRouteAttr(raw[unix.SizeofIfAddrmsg:])
	if err != nil {
		return Address{}, err
	}
	flags, addr := uint32(raw[2]), netip.Addr{}
	for _, a := range attributes {
		switch a.Attr.Type {
		case unix.IFA_LOCAL:
			addr, _ = netip.AddrFromSlice(a.Value)
		case unix.IFA_ADDRESS:
			if !addr.IsValid() {
				addr, _ = netip.AddrFromSlice(a.Value)
			}
		case unix.IFA_FLAGS:
			flags = nl.NativeEndian().Uint32(a.Value)
		}
	}
	return Address{
		Prefix: netip.PrefixFrom(addr, int(raw[1])), NoDAD: flags&unix.IFA_F_NODAD != 0,
		Tentative: flags&unix.IFA_F_TENTATIVE != 0, Duplicate: flags&unix.IFA_F_DADFAILED != 0,
	}, nil
}

func (n *linuxNetns) AddAddress(link int, a Address) error {
	err := n.change("add address", func() error { return n.execute(addressMessage(link, a)) })
	if err != nil {
		return fmt.Errorf("add address %s to link %d: %w", a.Prefix, link, err)
	}
	return nil
}

// addressMessage gives IPv4 its broadcast address, as ip-address(8) and the reference plugins do, where the subnet has room
// for one (RFC 3021).
func addressMessage(link int, a Address) *nl.NetlinkRequest {
	req := message(unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_EXCL)
	addr := a.Prefix.Addr()
	msg := nl.NewIfAddrmsg(unix.AF_INET)
	if addr.Is6() {
		msg.Family = unix.AF_INET6
		if a.NoDAD {
			msg.Flags = unix.IFA_F_NODAD
		}
	}
	msg.Prefixlen, msg.Index = uint8(a.Prefix.Bits()), uint32(link)
	req.AddData(msg)
	req.AddData(nl.NewRtAttr(unix.IFA_LOCAL, addr.AsSlice()))
	req.AddData(nl.NewRtAttr(unix.IFA_ADDRESS, addr.AsSlice()))
	if addr.Is4() && a.Prefix.Bits() < 31 {
		req.AddData(nl.NewRtAttr(unix.IFA_BROADCAST, lastOf(a.Prefix)))
	}
	return req
}

func (n *linuxNetns) SetUp(link int, announce bool, addresses ...Address) error {
	var messages []*nl.NetlinkRequest
	var what []string
	if announce {
		messages, what = append(messages, announceMessage(link)), append(what, fmt.Sprintf("announce the addresses of link %d", link))
	}
	for _, a := range addresses {
		messages, what = append(messages, addressMessage(link, a)), append(what, fmt.Sprintf("add address %s to link %d", a.Prefix, link))
	}
	up := message(unix.RTM_SETLINK, 0)
	msg := linkMessage(true, false, false)
	msg.Index = int32(link)
	up.AddData(msg)
	messages, what = append(messages, up), append(what, fmt.Sprintf("set link %d up", link))
	var answers []answer
	err := n.change("set up", func() (err error) {
		answers, err = n.route.exchange(messages...)
		return err
	})
	if err != nil {
		return fmt.Errorf("set link %d up: %w", link, err)
	}
	for i, a := range answers {
		if a.err != nil {
			return fmt.Errorf("%s: %w", what[i], linkError(a.err))
		}
	}
	return nil
}

// inetConf is IFLA_INET_CONF of linux/if_link.h, and arpNotify IPV4_DEVCONF_ARP_NOTIFY of linux/ip.h, which is the sysctl
// net/ipv4/conf/<link>/arp_notify.
const (
	inetConf  = 1
	arpNotify = 22
)

// announceMessage sets the sysctl without a file: to find one in a namespace that is new takes longer than to set a link up.
func announceMessage(link int) *nl.NetlinkRequest {
	req := message(unix.RTM_SETLINK, 0)
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(link)
	req.AddData(msg)
	families := nl.NewRtAttr(unix.IFLA_AF_SPEC, nil)
	conf := families.AddRtAttr(unix.AF_INET, nil).AddRtAttr(inetConf, nil)
	conf.AddRtAttr(arpNotify, nl.Uint32Attr(1))
	req.AddData(families)
	return req
}

func (n *linuxNetns) DelAddress(link int, p netip.Prefix) error {
	h, err := n.handle()
	if err != nil {
		return err
	}
	addr := &netlink.Addr{IPNet: ipNet(p)}
	err = n.change("delete address", func() error { return h.AddrDel(device(link), addr) })
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
