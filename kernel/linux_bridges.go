package kernel

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

func (n *linuxNetns) AddBridge(b Bridge) error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MTU, attrs.HardwareAddr = b.Name, b.MTU, b.MAC
	bridge := &netlink.Bridge{LinkAttrs: attrs}
	if b.VLANFiltering {
		bridge.VlanFiltering = &b.VLANFiltering
	}
	h, err := n.handle()
	if err != nil {
		return err
	}
	err = n.change("add bridge", func() error { return h.LinkAdd(bridge) })
	if b.VLANFiltering && errors.Is(err, unix.EOPNOTSUPP) {
		err = ErrNoVLANFiltering
	}
	if err != nil {
		return fmt.Errorf("add bridge %q: %w", b.Name, err)
	}
	return nil
}

func (n *linuxNetns) Port(name string) (Port, error) {
	link, err := n.getLink(name)
	if err != nil {
		return Port{}, fmt.Errorf("read bridge port %q: %w", name, linkError(err))
	}
	h, err := n.handle()
	if err != nil {
		return Port{}, err
	}
	info, err := dump(func() (netlink.Protinfo, error) { return h.LinkGetProtinfo(link) })
	if err != nil {
		return Port{}, fmt.Errorf("read flags of bridge port %q: %w", name, err)
	}
	members, err := dump(h.BridgeVlanList)
	if err != nil {
		return Port{}, fmt.Errorf("read vlans of bridge port %q: %w", name, err)
	}
	port := Port{Hairpin: info.Hairpin, Isolated: info.Isolated}
	for _, v := range members[int32(link.Attrs().Index)] {
		port.VLANs = append(port.VLANs, VLAN{ID: v.Vid, PVID: v.PortVID(), Untagged: v.EngressUntag()})
	}
	return port, nil
}

func (n *linuxNetns) SetPort(name string, p Port) error {
	link, err := n.getLink(name)
	if err != nil {
		return fmt.Errorf("set bridge port %q: %w", name, linkError(err))
	}
	if err := n.change("set bridge port", func() error { return n.setFlags(link, p) }); err != nil {
		return fmt.Errorf("set flags of bridge port %q: %w", name, err)
	}
	if p.VLANs == nil {
		return nil
	}
	err = n.change("set port vlans", func() error { return n.setVLANs(link, p.VLANs) })
	if errors.Is(err, unix.EOPNOTSUPP) {
		err = ErrNoVLANFiltering
	}
	if err != nil {
		return fmt.Errorf("set vlans of bridge port %q: %w", name, err)
	}
	return nil
}

func (n *linuxNetns) setFlags(link netlink.Link, p Port) error {
	req := message(unix.RTM_SETLINK, 0)
	msg := nl.NewIfInfomsg(unix.AF_BRIDGE)
	msg.Index = int32(link.Attrs().Index)
	req.AddData(msg)
	flags := nl.NewRtAttr(unix.IFLA_PROTINFO|unix.NLA_F_NESTED, nil)
	flags.AddRtAttr(nl.IFLA_BRPORT_MODE, flag(p.Hairpin))
	flags.AddRtAttr(nl.IFLA_BRPORT_ISOLATED, flag(p.Isolated))
	req.AddData(flags)
	return n.execute(req)
}

// setVLANs deletes first: a PVID that is set later replaces one that is there.
func (n *linuxNetns) setVLANs(link netlink.Link, want []VLAN) error {
	h, err := n.handle()
	if err != nil {
		return err
	}
	members, err := dump(h.BridgeVlanList)
	if err != nil {
		return err
	}
	keep := make(map[uint16]bool, len(want))
	for _, v := range want {
		keep[v.ID] = true
	}
	for _, v := range members[int32(link.Attrs().Index)] {
		if keep[v.Vid] {
			continue
		}
		if err := h.BridgeVlanDel(link, v.Vid, false, false, false, true); err != nil {
			return fmt.Errorf("delete vlan %d: %w", v.Vid, err)
		}
	}
	for _, v := range want {
		if err := h.BridgeVlanAdd(link, v.ID, v.PVID, v.Untagged, false, true); err != nil {
			return fmt.Errorf("add vlan %d: %w", v.ID, err)
		}
	}
	return nil
}

func flag(on bool) []byte {
	if on {
		return []byte{1}
	}
	return []byte{0}
}
