package bench

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
)

// features is what the kernel has of a pod's only network, whose host's end is not among the links before. Each line is
// one that would differ if one of two subjects did less.
func features(t *testing.T, pod *Pod, before []string) string {
	t.Helper()
	var b strings.Builder
	all, err := netlink.LinkList()
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range all {
		if a := link.Attrs(); !slices.Contains(before, a.Name) {
			fmt.Fprintf(&b, "host: %s, alias %t, %d other names, in a bridge %t, %s\n", link.Type(), a.Alias != "", len(a.AltNames), a.MasterIndex != 0, a.OperState)
		}
	}
	file, inside, err := pod.open()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	defer inside.Close()
	link, err := inside.LinkByName(ifName(0))
	if err != nil {
		t.Fatal(err)
	}
	addrs, err := inside.AddrList(link, netlink.FAMILY_V4)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&b, "pod: %s, MTU %d, %s, %d IPv4 addresses\n", link.Type(), link.Attrs().MTU, link.Attrs().Flags, len(addrs))
	err = within(file, func() error {
		for _, name := range []string{"ipv4/conf/eth0/arp_notify", "ipv6/conf/eth0/accept_dad", "ipv6/conf/eth0/disable_ipv6"} {
			value, err := os.ReadFile("/proc/sys/net/" + name)
			if err != nil && !os.IsNotExist(err) {
				return err
			}
			fmt.Fprintf(&b, "pod: %s = %s\n", name, strings.TrimSpace(string(value)))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}
