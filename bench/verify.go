package bench

import (
	"fmt"
	"net"
	"os"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// verify looks into the pod, outside the measured time: after ADD every interface is up with one IPv4 address, after
// DEL none is there. A subject that does less than the others would win otherwise.
func verify(pod *Pod, present bool, networks int) error {
	file, err := os.Open(pod.Netns)
	if err != nil {
		return fmt.Errorf("open the pod's namespace: %w", err)
	}
	defer file.Close()
	inside, err := netlink.NewHandleAt(netns.NsHandle(file.Fd()), unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("look into the pod's namespace: %w", err)
	}
	defer inside.Close()
	for i := range networks {
		link, err := inside.LinkByName(ifName(i))
		if (err == nil) != present {
			return fmt.Errorf("interface %s there: %v, want %v", ifName(i), err == nil, present)
		}
		if !present {
			continue
		}
		addrs, err := inside.AddrList(link, netlink.FAMILY_V4)
		if err != nil {
			return fmt.Errorf("list the addresses of %s: %w", ifName(i), err)
		}
		if len(addrs) != 1 || link.Attrs().Flags&net.FlagUp == 0 {
			return fmt.Errorf("interface %s has flags %s and addresses %v, want it up with one", ifName(i), link.Attrs().Flags, addrs)
		}
	}
	return nil
}
