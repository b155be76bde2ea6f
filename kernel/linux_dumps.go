package kernel

import (
	"encoding/binary"
	"fmt"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Group reads of every link its name and group, and nothing else: a node may have a thousand.
func (n *linuxNetns) Group(group uint32) ([]string, error) {
	all, err := n.dumpLinks()
	if err != nil {
		return nil, fmt.Errorf("list link group %d: %w", group, err)
	}
	var names []string
	for _, raw := range all {
		name, in := nameAndGroup(raw)
		if in == group {
			names = append(names, name)
		}
	}
	return names, nil
}

func (n *linuxNetns) Ports(bridge int) ([]Link, error) {
	all, err := n.dumpLinks(nl.NewRtAttr(unix.IFLA_MASTER, nl.Uint32Attr(uint32(bridge))))
	if err != nil {
		return nil, fmt.Errorf("list the ports of bridge %d: %w", bridge, err)
	}
	var ports []Link
	for _, raw := range all {
		link, err := netlink.LinkDeserialize(nil, raw)
		if err != nil {
			return nil, fmt.Errorf("read a port of bridge %d: %w", bridge, err)
		}
		// Older kernels pass over a filter that they do not know.
		if link.Attrs().MasterIndex == bridge {
			ports = append(ports, fromLink(link))
		}
	}
	return ports, nil
}

// dumpLinks lists links as the kernel writes them, without counters.
func (n *linuxNetns) dumpLinks(filter ...*nl.RtAttr) ([][]byte, error) {
	return dump(func() ([][]byte, error) {
		req := nl.NewNetlinkRequest(unix.RTM_GETLINK, unix.NLM_F_DUMP)
		req.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
		req.AddData(nl.NewRtAttr(unix.IFLA_EXT_MASK, nl.Uint32Attr(skipStats)))
		for _, attribute := range filter {
			req.AddData(attribute)
		}
		return n.route.list(req, unix.RTM_NEWLINK)
	})
}

// nameAndGroup walks over the attributes that stand behind the fixed part of a link.
func nameAndGroup(raw []byte) (name string, group uint32) {
	for rest := raw[min(unix.SizeofIfInfomsg, len(raw)):]; len(rest) >= unix.SizeofRtAttr; {
		size, kind := int(binary.NativeEndian.Uint16(rest)), binary.NativeEndian.Uint16(rest[2:])
		if size < unix.SizeofRtAttr || size > len(rest) {
			break
		}
		switch value := rest[unix.SizeofRtAttr:size]; {
		case kind == unix.IFLA_IFNAME:
			name = unix.ByteSliceToString(value)
		case kind == unix.IFLA_GROUP && len(value) == 4:
			group = binary.NativeEndian.Uint32(value)
		}
		rest = rest[min(nlAlign(size), len(rest)):]
	}
	return name, group
}
