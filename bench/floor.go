package bench

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

const (
	// firstGroup is the link group of pod 0; pods have one each, so that their links go in one call.
	firstGroup = 0x0be0000
	// firstIndex is the interface index of a pod's first link, and hostIndex of the first link on the host. Choosing
	// them saves a lookup for every link; the kernel takes the one only with the other.
	firstIndex = 10
	hostIndex  = 1 << 20
)

// A Floor is what the kernel alone takes: one veth pair a network, created with its end in the pod, its other end up
// on a bridge, then the pod's address and its end up. Nothing is stored, nobody is asked, nothing is executed.
type Floor struct {
	networks int
	host     *nl.SocketHandle
	bridges  []int
}

// NewFloor returns the floor for pods with that many networks.
func NewFloor(networks int) *Floor { return &Floor{networks: networks} }

// Name implements Subject.
func (f *Floor) Name() string { return "floor" }

// Start makes the bridges.
func (f *Floor) Start(context.Context) error {
	socket, err := nl.GetNetlinkSocketAt(netns.None(), netns.None(), unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("open a netlink socket: %w", err)
	}
	f.host = &nl.SocketHandle{Socket: socket}
	for i := range f.networks {
		bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: fmt.Sprintf("floor%d", i), Flags: net.FlagUp}}
		if err := netlink.LinkAdd(bridge); err != nil {
			return fmt.Errorf("make bridge %s: %w", bridge.Name, err)
		}
		f.bridges = append(f.bridges, bridge.Index)
	}
	return nil
}

// Add implements Subject with three messages a network.
func (f *Floor) Add(_ context.Context, pod *Pod) error {
	file, inside, err := pod.open()
	if err != nil {
		return err
	}
	defer file.Close()
	defer inside.Close()
	for i := range f.networks {
		if err := f.veth(pod, i, int(file.Fd())); err != nil {
			return fmt.Errorf("make the veth pair of %s: %w", ifName(i), err)
		}
		link := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: ifName(i), Index: firstIndex + i}}
		if err := inside.AddrAdd(link, f.address(pod, i)); err != nil {
			return fmt.Errorf("give %s its address: %w", ifName(i), err)
		}
		if err := inside.LinkSetUp(link); err != nil {
			return fmt.Errorf("set %s up: %w", ifName(i), err)
		}
	}
	return nil
}

// address is the pod's address in a network.
func (f *Floor) address(pod *Pod, network int) *netlink.Addr {
	return &netlink.Addr{IPNet: &net.IPNet{IP: net.IPv4(10, byte(100+network), byte(pod.Number>>8), byte(pod.Number)), Mask: net.CIDRMask(16, 32)}}
}

// veth makes a pair in one message: the host's end up on the bridge and in the pod's group, the other in the pod.
func (f *Floor) veth(pod *Pod, network, podFd int) error {
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Flags, msg.Change, msg.Index = unix.IFF_UP, unix.IFF_UP, int32(hostIndex+pod.Number*f.networks+network)
	req := f.request(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL, msg)
	req.AddData(nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(fmt.Sprintf("fl%d.%d", pod.Number, network))))
	req.AddData(nl.NewRtAttr(unix.IFLA_MASTER, nl.Uint32Attr(uint32(f.bridges[network]))))
	req.AddData(nl.NewRtAttr(unix.IFLA_GROUP, nl.Uint32Attr(group(pod))))
	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddRtAttr(nl.IFLA_INFO_KIND, nl.NonZeroTerminated("veth"))
	peer := info.AddRtAttr(nl.IFLA_INFO_DATA, nil).AddRtAttr(nl.VETH_INFO_PEER, nil)
	nl.NewIfInfomsgChild(peer, unix.AF_UNSPEC).Index = int32(firstIndex + network)
	peer.AddRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(ifName(network)))
	peer.AddRtAttr(unix.IFLA_NET_NS_FD, nl.Uint32Attr(uint32(podFd)))
	req.AddData(info)
	_, err := req.Execute(unix.NETLINK_ROUTE, 0)
	return err
}

// Del implements Subject: the links of one pod are deleted in one call, by their group.
func (f *Floor) Del(_ context.Context, pod *Pod) error {
	req := f.request(unix.RTM_DELLINK, 0, nl.NewIfInfomsg(unix.AF_UNSPEC))
	req.AddData(nl.NewRtAttr(unix.IFLA_GROUP, nl.Uint32Attr(group(pod))))
	if _, err := req.Execute(unix.NETLINK_ROUTE, 0); err != nil {
		return fmt.Errorf("delete the links of pod %d: %w", pod.Number, err)
	}
	return nil
}

// Stop removes the bridges.
func (f *Floor) Stop(context.Context) error {
	var errs []error
	for _, index := range f.bridges {
		errs = append(errs, netlink.LinkDel(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Index: index}}))
	}
	if f.host != nil {
		f.host.Close()
	}
	f.bridges, f.host = nil, nil
	return errors.Join(errs...)
}

// request is a message on the socket in the host's namespace that waits for its acknowledgement.
func (f *Floor) request(kind, flags int, msg *nl.IfInfomsg) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(kind, flags|unix.NLM_F_ACK)
	req.Sockets = map[int]*nl.SocketHandle{unix.NETLINK_ROUTE: f.host}
	req.AddData(msg)
	return req
}

// group is the link group of a pod.
func group(pod *Pod) uint32 { return firstGroup + uint32(pod.Number) }
