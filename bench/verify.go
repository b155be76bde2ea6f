package bench

import (
	"fmt"
	"net"

	"github.com/vishvananda/netlink"
)

// verify looks into the pod, outside the measured time: after ADD every interface is up with one IPv4 address, after
// DEL none is there. A subject that does less than the others would win otherwise.
func verify(pod *Pod, present bool, networks int) error {
	file, inside, err := pod.open()
	if err != nil {
		return err
	}
	defer file.Close()
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

// verifyAll verifies many pods.
func verifyAll(pods []*Pod, present bool, networks int) error {
	for _, pod := range pods {
		if err := verify(pod, present, networks); err != nil {
			return fmt.Errorf("pod %d: %w", pod.Number, err)
		}
	}
	return nil
}
