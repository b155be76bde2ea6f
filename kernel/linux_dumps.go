package kernel

import (
	"fmt"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

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
