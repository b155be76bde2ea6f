package kernel

import (
	"errors"
	"fmt"
	"net"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// skipStats is RTEXT_FILTER_SKIP_STATS: counters are half of what the kernel says of a link (Linux 4.4).
const skipStats = 1 << 3

func (n *linuxNetns) Link(name string) (Link, error) {
	link, err := n.getLink(name)
	if err != nil {
		return Link{}, fmt.Errorf("find link %q: %w", name, linkError(err))
	}
	return fromLink(link), nil
}

// getLink takes a name that is too long for a link's own for an alternative one.
func (n *linuxNetns) getLink(name string) (netlink.Link, error) {
	answers, err := n.route.exchange(linkQuestion(name))
	if err != nil {
		return nil, err
	}
	if answers[0].err != nil {
		return nil, answers[0].err
	}
	return netlink.LinkDeserialize(nil, answers[0].data)
}

func linkQuestion(name string) *nl.NetlinkRequest {
	kind := unix.IFLA_IFNAME
	if len(name) >= unix.IFNAMSIZ {
		kind = unix.IFLA_ALT_IFNAME
	}
	req := nl.NewNetlinkRequest(unix.RTM_GETLINK, 0)
	req.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
	req.AddData(nl.NewRtAttr(unix.IFLA_EXT_MASK, nl.Uint32Attr(skipStats)))
	req.AddData(nl.NewRtAttr(kind, nl.ZeroTerminated(name)))
	return req
}

func (n *linuxNetns) Links() ([]Link, error) {
	h, err := n.handle()
	if err != nil {
		return nil, err
	}
	found, err := dump(h.LinkList)
	if err != nil {
		return nil, fmt.Errorf("list links: %w", err)
	}
	links := make([]Link, len(found))
	for i, l := range found {
		links[i] = fromLink(l)
	}
	return links, nil
}

// AddVeth sends the marks along with the pair. They are refused only of a pair that is there, which then goes again. The kernel
// says by itself what it made (NLM_F_ECHO for new links, Linux 6.2); an older one is asked.
func (n *linuxNetns) AddVeth(v Veth) (Link, error) {
	pair := message(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL|unix.NLM_F_ECHO)
	if err := vethMessage(pair, v); err != nil {
		return Link{}, fmt.Errorf("add veth %q with peer %q: %w", v.Name, v.Peer, err)
	}
	messages := []*nl.NetlinkRequest{pair}
	if v.Alias != "" {
		messages = append(messages, aliasMessage(v.Name, v.Alias))
	}
	if v.AltName != "" {
		messages = append(messages, altNameMessage(v.Name, v.AltName))
	}
	var made []byte
	err := n.change("add veth", func() (err error) {
		made, err = n.allOrNothing(v.Name, messages)
		return err
	})
	if err != nil {
		return Link{}, fmt.Errorf("add veth %q with peer %q: %w", v.Name, v.Peer, err)
	}
	link, err := n.readMade(v.Name, made)
	if err != nil {
		return Link{}, errors.Join(err, n.deleteLink(v.Name))
	}
	return link, nil
}

// readMade reads what the kernel said of a link that it made, or asks where it said nothing.
func (n *linuxNetns) readMade(name string, made []byte) (Link, error) {
	if made == nil {
		return n.Link(name)
	}
	link, err := netlink.LinkDeserialize(nil, made)
	if err != nil {
		return Link{}, fmt.Errorf("read link %q: %w", name, err)
	}
	return fromLink(link), nil
}

// allOrNothing deletes the link that the first message makes when one of the others is refused. It returns what the kernel says
// of that link, nil for nothing.
func (n *linuxNetns) allOrNothing(name string, messages []*nl.NetlinkRequest) ([]byte, error) {
	answers, err := n.route.exchange(messages...)
	if err != nil {
		return nil, err
	}
	if answers[0].err != nil {
		return nil, answers[0].err
	}
	for _, a := range answers[1:] {
		if a.err != nil {
			return nil, errors.Join(fmt.Errorf("mark it: %w", a.err), n.deleteLink(name))
		}
	}
	return answers[0].data, nil
}

// vethMessage writes what the library would send in three messages: the pair, the port, and the link up.
func vethMessage(req *nl.NetlinkRequest, v Veth) error {
	req.AddData(linkMessage(v.Up, false, false))
	add := func(kind int, data []byte) { req.AddData(nl.NewRtAttr(kind, data)) }
	endAttributes(add, v.Name, v.MAC, v)
	if v.Group != 0 {
		add(unix.IFLA_GROUP, nl.Uint32Attr(v.Group))
	}
	if v.Master != 0 {
		add(unix.IFLA_MASTER, nl.Uint32Attr(uint32(v.Master)))
	}
	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddRtAttr(nl.IFLA_INFO_KIND, nl.NonZeroTerminated("veth"))
	peer := info.AddRtAttr(nl.IFLA_INFO_DATA, nil).AddRtAttr(nl.VETH_INFO_PEER, nil)
	nl.NewIfInfomsgChild(peer, unix.AF_UNSPEC)
	endAttributes(func(kind int, data []byte) { peer.AddRtAttr(kind, data) }, v.Peer, v.PeerMAC, v)
	if v.PeerNetns != nil {
		other, ok := v.PeerNetns.(interface{ fd() int })
		if !ok {
			return fmt.Errorf("use peer namespace %T: not of this kernel", v.PeerNetns)
		}
		peer.AddRtAttr(unix.IFLA_NET_NS_FD, nl.Uint32Attr(uint32(other.fd())))
	}
	req.AddData(info)
	return nil
}

func endAttributes(add func(int, []byte), name string, mac net.HardwareAddr, v Veth) {
	add(unix.IFLA_IFNAME, nl.ZeroTerminated(name))
	add(unix.IFLA_ADDRESS, mac)
	if v.MTU != 0 {
		add(unix.IFLA_MTU, nl.Uint32Attr(uint32(v.MTU)))
	}
	if v.Queues != 0 {
		add(unix.IFLA_NUM_TX_QUEUES, nl.Uint32Attr(uint32(v.Queues)))
		add(unix.IFLA_NUM_RX_QUEUES, nl.Uint32Attr(uint32(v.Queues)))
	}
}

func linkMessage(up, down, promisc bool) *nl.IfInfomsg {
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	if up || down {
		msg.Change |= unix.IFF_UP
	}
	if up {
		msg.Flags |= unix.IFF_UP
	}
	if promisc {
		msg.Change |= unix.IFF_PROMISC
		msg.Flags |= unix.IFF_PROMISC
	}
	return msg
}

// SetLink finds the link by name inside the kernel, which saves a lookup; only a rename needs the index.
func (n *linuxNetns) SetLink(name string, c LinkChange) error {
	err := n.change("set link", func() error {
		if err := n.setOthers(name, c); err != nil {
			return err
		}
		req := message(unix.RTM_SETLINK, 0)
		msg := linkMessage(c.Up, c.Down, c.Promisc)
		newName := name
		if c.Name != "" {
			link, err := n.getLink(name)
			if err != nil {
				return err
			}
			msg.Index, newName = int32(link.Attrs().Index), c.Name
		}
		req.AddData(msg)
		req.AddData(nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(newName)))
		changeAttributes(req, c)
		return n.execute(req)
	})
	if err != nil {
		return fmt.Errorf("set link %q: %w", name, linkError(err))
	}
	return nil
}

func changeAttributes(req *nl.NetlinkRequest, c LinkChange) {
	if c.MTU != 0 {
		req.AddData(nl.NewRtAttr(unix.IFLA_MTU, nl.Uint32Attr(uint32(c.MTU))))
	}
	if c.MAC != nil {
		req.AddData(nl.NewRtAttr(unix.IFLA_ADDRESS, c.MAC))
	}
	if c.Alias != "" {
		req.AddData(nl.NewRtAttr(unix.IFLA_IFALIAS, []byte(c.Alias)))
	}
	if c.Group != 0 {
		req.AddData(nl.NewRtAttr(unix.IFLA_GROUP, nl.Uint32Attr(c.Group)))
	}
	if c.Master != 0 {
		req.AddData(nl.NewRtAttr(unix.IFLA_MASTER, nl.Uint32Attr(uint32(c.Master))))
	}
}

// setOthers sets what has messages of its own.
func (n *linuxNetns) setOthers(name string, c LinkChange) error {
	if c.AltName != "" {
		if err := n.addAltName(name, c.AltName); err != nil {
			return err
		}
	}
	if c.VLANFiltering {
		return n.filterVLANs(name)
	}
	return nil
}

// filterVLANs uses RTM_NEWLINK: RTM_SETLINK ignores what is particular to a kind of link.
func (n *linuxNetns) filterVLANs(name string) error {
	req := message(unix.RTM_NEWLINK, 0)
	req.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
	req.AddData(nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(name)))
	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddRtAttr(nl.IFLA_INFO_KIND, nl.NonZeroTerminated("bridge"))
	info.AddRtAttr(nl.IFLA_INFO_DATA, nil).AddRtAttr(nl.IFLA_BR_VLAN_FILTERING, []byte{1})
	req.AddData(info)
	err := n.execute(req)
	if errors.Is(err, unix.EOPNOTSUPP) {
		return ErrNoVLANFiltering
	}
	return err
}

// addAltName takes a name that exists for success: only this link can have it, since ours contain its name.
func (n *linuxNetns) addAltName(name, alt string) error {
	err := n.execute(altNameMessage(name, alt))
	if errors.Is(err, unix.EEXIST) {
		return nil
	}
	return err
}

func altNameMessage(name, alt string) *nl.NetlinkRequest {
	req := message(unix.RTM_NEWLINKPROP, 0)
	req.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
	req.AddData(nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(name)))
	list := nl.NewRtAttr(unix.IFLA_PROP_LIST|unix.NLA_F_NESTED, nil)
	list.AddRtAttr(unix.IFLA_ALT_IFNAME, nl.ZeroTerminated(alt))
	req.AddData(list)
	return req
}

// aliasMessage is one of its own: what makes a link takes no alias.
func aliasMessage(name, alias string) *nl.NetlinkRequest {
	req := message(unix.RTM_SETLINK, 0)
	req.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
	req.AddData(nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(name)))
	req.AddData(nl.NewRtAttr(unix.IFLA_IFALIAS, []byte(alias)))
	return req
}

func (n *linuxNetns) DelLink(name string) error {
	if err := n.change("delete link", func() error { return n.deleteLink(name) }); err != nil {
		return fmt.Errorf("delete link %q: %w", name, err)
	}
	return nil
}

func (n *linuxNetns) deleteLink(name string) error {
	return n.deleteLinks(nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(name)))
}

func (n *linuxNetns) DelGroup(group uint32) error {
	err := n.change("delete link group", func() error {
		return n.deleteLinks(nl.NewRtAttr(unix.IFLA_GROUP, nl.Uint32Attr(group)))
	})
	if err != nil {
		return fmt.Errorf("delete link group %d: %w", group, err)
	}
	return nil
}

// deleteLinks takes it for success that there are none.
func (n *linuxNetns) deleteLinks(which *nl.RtAttr) error {
	req := message(unix.RTM_DELLINK, 0)
	req.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
	req.AddData(which)
	if err := n.execute(req); err != nil && !errors.Is(err, unix.ENODEV) {
		return err
	}
	return nil
}

// linkError joins ErrNoLink to the kernel's and the library's ways of saying it.
func linkError(err error) error {
	var notFound netlink.LinkNotFoundError
	if errors.As(err, &notFound) || errors.Is(err, unix.ENODEV) {
		return ErrNoLink
	}
	return err
}

func fromLink(l netlink.Link) Link {
	a := l.Attrs()
	link := Link{
		Index: a.Index, Name: a.Name, Kind: l.Type(), MTU: a.MTU, MAC: a.HardwareAddr, Alias: a.Alias,
		AltNames: a.AltNames, Master: a.MasterIndex, Group: a.Group, Up: a.Flags&net.FlagUp != 0,
		Running: a.OperState == netlink.OperUp, Promisc: a.Promisc != 0,
	}
	switch l := l.(type) {
	case *netlink.Veth:
		link.Peer = a.ParentIndex
	case *netlink.Bridge:
		link.VLANFiltering = l.VlanFiltering != nil && *l.VlanFiltering
	case *netlink.Device:
		link.Kind = ""
	}
	return link
}
