package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/braid-cni/braid/bench/report"
)

const (
	// firstGroup is the link group of pod 0; pods have one each, unless they are to go together.
	firstGroup = 0x0be0000
	// firstIndex is the interface index of a pod's first link, and hostIndex of the first link on the host. Choosing
	// them saves a lookup for every link; the kernel takes the one only with the other.
	firstIndex = 10
	hostIndex  = 1 << 20
)

// A Floor is what the kernel alone takes: one veth pair a network, created with its end in the pod, its other end up
// on a bridge, then the pod's address and its end up. Nothing is stored, nobody is asked, nothing is executed.
type Floor struct {
	name     string
	networks int
	// place tells the bridges of one floor from those of another.
	place   int
	late    bool
	bridges []int

	mu   sync.Mutex
	idle []*nl.SocketHandle
}

// NewFloor returns the floor for pods with that many networks. Floors of different places, from 0 up, can be there at the
// same time.
func NewFloor(networks, place int) *Floor {
	return &Floor{name: report.Floor, networks: networks, place: place}
}

// Named gives the floor another name in the report.
func (f *Floor) Named(name string) *Floor {
	f.name = name
	return f
}

// Late makes the bridges with the first pod, as plugins do, and not with Start.
func (f *Floor) Late() *Floor {
	f.late = true
	return f
}

// Name implements Subject.
func (f *Floor) Name() string { return f.name }

// Networks implements Subject.
func (f *Floor) Networks() int { return f.networks }

// Start makes the bridges.
func (f *Floor) Start(context.Context) error {
	if f.late {
		return nil
	}
	return f.makeBridges()
}

func (f *Floor) makeBridges() error {
	for i := len(f.bridges); i < f.networks; i++ {
		bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: fmt.Sprintf("floor%d.%d", f.place, i), Flags: net.FlagUp}}
		if err := netlink.LinkAdd(bridge); err != nil {
			return fmt.Errorf("make bridge %s: %w", bridge.Name, err)
		}
		f.bridges = append(f.bridges, bridge.Index)
	}
	return nil
}

// Add implements Subject with three messages a network.
func (f *Floor) Add(_ context.Context, pod *Pod) error {
	if f.late {
		if err := f.makeBridges(); err != nil {
			return err
		}
	}
	file, inside, err := pod.open()
	if err != nil {
		return err
	}
	defer file.Close()
	defer inside.Close()
	for i := range f.networks {
		if err := f.attach(pod, i, int(file.Fd()), inside); err != nil {
			return err
		}
	}
	return nil
}

// attach gives the pod one network.
func (f *Floor) attach(pod *Pod, network, podFd int, inside *netlink.Handle) error {
	if err := f.veth(pod, network, podFd); err != nil {
		return fmt.Errorf("make the veth pair of %s: %w", ifName(network), err)
	}
	return f.configure(pod, network, inside)
}

// configure gives the pod's end its address and sets it up.
func (f *Floor) configure(pod *Pod, network int, inside *netlink.Handle) error {
	link := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: ifName(network), Index: firstIndex + network}}
	if err := inside.AddrAdd(link, f.address(pod, network)); err != nil {
		return fmt.Errorf("give %s its address: %w", ifName(network), err)
	}
	if err := inside.LinkSetUp(link); err != nil {
		return fmt.Errorf("set %s up: %w", ifName(network), err)
	}
	return nil
}

// address is the pod's address in a network.
func (f *Floor) address(pod *Pod, network int) *netlink.Addr {
	return &netlink.Addr{IPNet: &net.IPNet{IP: net.IPv4(10, byte(100+network), byte(pod.Number>>8), byte(pod.Number)), Mask: net.CIDRMask(16, 32)}}
}

// hostLink is the host's end of a pod's network: its name, and an interface index that no other link has.
func hostLink(pod *Pod, network int) (name string, index int) {
	return fmt.Sprintf("fl%d.%d", pod.Number, network), hostIndex + pod.Number*MaxNetworks + network
}

// veth makes a pair in one message: the host's end up on the bridge and in the pod's group, the other in the pod. MACs,
// where there are any, are the host's end's and the pod's.
func (f *Floor) veth(pod *Pod, network, podFd int, macs ...net.HardwareAddr) error {
	name, index := hostLink(pod, network)
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Flags, msg.Change, msg.Index = unix.IFF_UP, unix.IFF_UP, int32(index)
	req := request(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL, msg)
	req.AddData(nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(name)))
	req.AddData(nl.NewRtAttr(unix.IFLA_MASTER, nl.Uint32Attr(uint32(f.bridges[network]))))
	req.AddData(nl.NewRtAttr(unix.IFLA_GROUP, nl.Uint32Attr(pod.Group)))
	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddRtAttr(nl.IFLA_INFO_KIND, nl.NonZeroTerminated("veth"))
	peer := info.AddRtAttr(nl.IFLA_INFO_DATA, nil).AddRtAttr(nl.VETH_INFO_PEER, nil)
	nl.NewIfInfomsgChild(peer, unix.AF_UNSPEC).Index = int32(firstIndex + network)
	peer.AddRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(ifName(network)))
	peer.AddRtAttr(unix.IFLA_NET_NS_FD, nl.Uint32Attr(uint32(podFd)))
	if len(macs) == 2 {
		req.AddData(nl.NewRtAttr(unix.IFLA_ADDRESS, macs[0]))
		peer.AddRtAttr(unix.IFLA_ADDRESS, macs[1])
	}
	req.AddData(info)
	return f.send(req)
}

// Del implements Subject: the links of one pod are deleted in one call, by their group.
func (f *Floor) Del(ctx context.Context, pod *Pod) error { return f.Drain(ctx, []*Pod{pod}) }

// Drain implements Drainer with one call for each group that the pods are in.
func (f *Floor) Drain(_ context.Context, pods []*Pod) error {
	var done []uint32
	for _, pod := range pods {
		if slices.Contains(done, pod.Group) {
			continue
		}
		done = append(done, pod.Group)
		req := request(unix.RTM_DELLINK, 0, nl.NewIfInfomsg(unix.AF_UNSPEC))
		req.AddData(nl.NewRtAttr(unix.IFLA_GROUP, nl.Uint32Attr(pod.Group)))
		if err := f.send(req); err != nil {
			return fmt.Errorf("delete link group %d: %w", pod.Group, err)
		}
	}
	return nil
}

// Forget implements Forgetter: it removes the bridges.
func (f *Floor) Forget() error {
	var errs []error
	for _, index := range f.bridges {
		errs = append(errs, netlink.LinkDel(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Index: index}}))
	}
	f.bridges = nil
	return errors.Join(errs...)
}

// Stop removes the bridges and closes the sockets.
func (f *Floor) Stop(context.Context) error {
	err := f.Forget()
	for _, socket := range f.idle {
		socket.Close()
	}
	f.idle = nil
	return err
}

// send sends a request in the host's namespace and waits for its answer, on a socket that nobody else uses meanwhile.
func (f *Floor) send(req *nl.NetlinkRequest) error {
	socket, err := f.socket()
	if err != nil {
		return err
	}
	req.Sockets = map[int]*nl.SocketHandle{unix.NETLINK_ROUTE: socket}
	_, err = req.Execute(unix.NETLINK_ROUTE, 0)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.idle = append(f.idle, socket)
	return err
}

// socket returns one that is idle, or a new one.
func (f *Floor) socket() (*nl.SocketHandle, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if last := len(f.idle) - 1; last >= 0 {
		socket := f.idle[last]
		f.idle = f.idle[:last]
		return socket, nil
	}
	socket, err := nl.GetNetlinkSocketAt(netns.None(), netns.None(), unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open a netlink socket: %w", err)
	}
	return &nl.SocketHandle{Socket: socket}, nil
}

// request is a message that waits for its acknowledgement.
func request(kind, flags int, msg *nl.IfInfomsg) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(kind, flags|unix.NLM_F_ACK)
	req.AddData(msg)
	return req
}
