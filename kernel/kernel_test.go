package kernel_test

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"reflect"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/braid-cni/braid/kernel"
	"github.com/braid-cni/braid/kernel/kerneltest"
)

// host opens the host namespace of a world for the length of the test.
func host(t *testing.T, w *kerneltest.World) kernel.Netns {
	t.Helper()
	n, err := w.Kernel.Host()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	return n
}

func open(t *testing.T, w *kerneltest.World, path string) kernel.Netns {
	t.Helper()
	n, err := w.Kernel.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	return n
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, n kernel.Netns, name string) kernel.Link {
	t.Helper()
	l, err := n.Link(name)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func want(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s\n got:\n%s\nwant:\n%s", what, got, want)
	}
}

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

// pair makes a bridge and a pod link on it, with an address and both ends up.
func pair(t *testing.T, w *kerneltest.World, podPath, name string, address string) {
	t.Helper()
	h, pod := host(t, w), open(t, w, podPath)
	if _, err := h.Link("br0"); errors.Is(err, kernel.ErrNoLink) {
		must(t, h.AddBridge(kernel.Bridge{Name: "br0", MAC: kernel.RandomMAC()}), h.SetLink("br0", kernel.LinkChange{Up: true}))
	}
	must(t, kernel.AddVeth(h, kernel.Veth{
		Name: name, MAC: kernel.RandomMAC(), Peer: "eth0", PeerMAC: kernel.RandomMAC(), PeerNetns: pod,
		MTU: 1400, Queues: 2, Master: link(t, h, "br0").Index, Up: true,
	}))
	must(t, pod.AddAddress(link(t, pod, "eth0").Index, kernel.Address{Prefix: prefix(address), NoDAD: true}),
		pod.SetLink("eth0", kernel.LinkChange{Up: true}))
}

// What AddVeth returns is what the kernel has, whether the kernel said so by itself (Linux 6.2) or was asked.
func TestAddVethReturnsTheFirstEnd(t *testing.T) {
	kerneltest.Each(t, func(t *testing.T, w *kerneltest.World) {
		h, pod := host(t, w), open(t, w, w.Netns(t))
		for _, v := range []kernel.Veth{
			{Name: "one"}, {Name: "two", MTU: 1280, Queues: 1, Group: 7}, {Name: "three", Up: true, Alias: "a pod", AltName: "three-by-another-name"},
		} {
			v.MAC, v.PeerMAC, v.Peer, v.PeerNetns = kernel.RandomMAC(), kernel.RandomMAC(), v.Name+"p", pod
			got, err := h.AddVeth(v)
			must(t, err)
			want := link(t, h, v.Name)
			got.Alias, got.AltNames = want.Alias, want.AltNames
			if !reflect.DeepEqual(got, want) || got.Peer != link(t, pod, v.Peer).Index {
				t.Errorf("%s: got %+v, want %+v", v.Name, got, want)
			}
		}
		if got, err := h.AddVeth(kernel.Veth{Name: "one", MAC: kernel.RandomMAC(), Peer: "x", PeerMAC: kernel.RandomMAC()}); !errors.Is(err, fs.ErrExist) || got.Index != 0 {
			t.Errorf("a name that is taken: %+v, %v", got, err)
		}
	})
}

func TestVeth(t *testing.T) {
	kerneltest.Each(t, func(t *testing.T, w *kerneltest.World) {
		podPath := w.Netns(t)
		pair(t, w, podPath, "braid0123456789", "10.1.0.2/24")
		h, pod := host(t, w), open(t, w, podPath)
		must(t, h.SetLink("braid0123456789", kernel.LinkChange{Alias: "ns/pod eth0 net", AltName: "braid0123456789.net"}),
			h.SetLink("braid0123456789", kernel.LinkChange{AltName: "braid0123456789.net"}))
		must(t, h.SetPort("braid0123456789", kernel.Port{Hairpin: true, Isolated: true}))
		want(t, "state", w.Dump(t, podPath), `host
  link br0 bridge mtu `+map[bool]string{false: "1500", true: "1400"}[w.Real]+` up
  link braid0123456789 veth mtu 1400 up alias "ns/pod eth0 net" master br0 hairpin isolated
pod0
  address eth0 10.1.0.2/24
  link eth0 veth mtu 1400 up
`)
		near, far := link(t, h, "braid0123456789"), link(t, pod, "eth0")
		if near.Peer != far.Index || far.Peer != near.Index {
			t.Errorf("peers: %d of %d, %d of %d", near.Peer, far.Index, far.Peer, near.Index)
		}
		if len(near.AltNames) != 1 || near.AltNames[0] != "braid0123456789.net" {
			t.Errorf("alternative names: %q", near.AltNames)
		}
		if l, err := h.Link("braid0123456789.net"); l.Index != near.Index || err != nil {
			t.Errorf("by its alternative name: %+v, %v", l, err)
		}
		if _, err := h.Link("a-name-that-is-too-long"); !errors.Is(err, kernel.ErrNoLink) {
			t.Errorf("a name that is too long: %v", err)
		}
		err := kernel.AddVeth(h, kernel.Veth{Name: "other", MAC: kernel.RandomMAC(), Peer: "eth0", PeerMAC: kernel.RandomMAC(), PeerNetns: pod})
		if !errors.Is(err, fs.ErrExist) {
			t.Errorf("second eth0: %v", err)
		}
		must(t, h.DelLink("braid0123456789"), h.DelLink("braid0123456789"))
		if _, err := pod.Link("eth0"); !errors.Is(err, kernel.ErrNoLink) {
			t.Errorf("peer after delete: %v", err)
		}
		if err := h.SetLink("braid0123456789", kernel.LinkChange{Up: true}); !errors.Is(err, kernel.ErrNoLink) {
			t.Errorf("set link that is gone: %v", err)
		}
	})
}

func TestRename(t *testing.T) {
	kerneltest.Each(t, func(t *testing.T, w *kerneltest.World) {
		h := host(t, w)
		must(t, h.AddBridge(kernel.Bridge{Name: "a", MAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, MTU: 1300}),
			h.SetLink("a", kernel.LinkChange{Name: "b", Alias: "x", Promisc: true}))
		want(t, "state", w.Dump(t), "host\n  link b bridge mtu 1300 promisc alias \"x\"\n")
		if err := h.AddBridge(kernel.Bridge{Name: "b"}); !errors.Is(err, fs.ErrExist) {
			t.Errorf("second bridge: %v", err)
		}
	})
}

func TestRoutes(t *testing.T) {
	kerneltest.Each(t, func(t *testing.T, w *kerneltest.World) {
		podPath := w.Netns(t)
		pair(t, w, podPath, "braid0123456789", "10.1.0.2/24")
		pod := open(t, w, podPath)
		eth0 := link(t, pod, "eth0").Index
		must(t, pod.AddAddress(eth0, kernel.Address{Prefix: prefix("fd00::2/64"), NoDAD: true}))
		gateway := netip.MustParseAddr("10.1.0.1")
		full := kernel.Route{
			Dst: prefix("10.9.0.0/16"), Gateway: gateway, Link: eth0, Table: 100, Priority: 7, MTU: 1300, AdvMSS: 1200,
		}
		must(t, pod.AddRoute(full), pod.AddRoute(kernel.Route{Dst: prefix("0.0.0.0/0"), Gateway: gateway, Link: eth0}),
			pod.AddRoute(kernel.Route{Dst: prefix("10.8.0.0/16"), Link: eth0, Scope: 253}),
			pod.AddRoute(kernel.Route{Dst: prefix("::/0"), Gateway: netip.MustParseAddr("fd00::1"), Link: eth0}))
		want(t, "state", w.Dump(t, podPath), w.Dump(t)+`pod0
  address eth0 10.1.0.2/24
  address eth0 fd00::2/64
  link eth0 veth mtu 1400 up
  route 0.0.0.0/0 dev eth0 via 10.1.0.1 proto 98
  route 10.8.0.0/16 dev eth0 scope 253 proto 98
  route 10.9.0.0/16 dev eth0 via 10.1.0.1 table 100 metric 7 mtu 1300 advmss 1200 proto 98
  route ::/0 dev eth0 via fd00::1 metric 1024 proto 98
`)
		if err := pod.AddRoute(full); !errors.Is(err, fs.ErrExist) {
			t.Errorf("same route again: %v", err)
		}
		err := pod.AddRoute(kernel.Route{Dst: prefix("10.7.0.0/16"), Gateway: netip.MustParseAddr("10.2.0.1"), Link: eth0})
		if !errors.Is(err, unix.ENETUNREACH) {
			t.Errorf("unreachable gateway: %v", err)
		}
		must(t, pod.DelRoute(full), pod.DelRoute(full))
	})
}

func TestNeighbours(t *testing.T) {
	kerneltest.Each(t, func(t *testing.T, w *kerneltest.World) {
		podPath := w.Netns(t)
		pair(t, w, podPath, "braid0123456789", "10.1.0.2/24")
		pod := open(t, w, podPath)
		e := kernel.Neighbour{
			Link: link(t, pod, "eth0").Index, Addr: netip.MustParseAddr("169.254.1.1"), MAC: net.HardwareAddr{2, 0, 0, 0, 0, 1},
		}
		must(t, pod.SetNeighbour(e), pod.SetNeighbour(e))
		found, err := pod.Neighbours(e.Link)
		must(t, err)
		if len(found) != 1 || found[0].Addr != e.Addr || found[0].MAC.String() != e.MAC.String() {
			t.Errorf("neighbours: %v", found)
		}
		must(t, pod.DelNeighbour(e), pod.DelNeighbour(e))
	})
}

func TestSysctls(t *testing.T) {
	kerneltest.Each(t, func(t *testing.T, w *kerneltest.World) {
		podPath := w.Netns(t)
		pair(t, w, podPath, "braid0123456789", "10.1.0.2/24")
		pod := open(t, w, podPath)
		must(t, pod.SetSysctls(kernel.Setting{Name: "net/ipv4/conf/eth0/arp_notify", Value: "1"},
			kernel.Setting{Name: "net/none/such", Value: "1", Optional: true}))
		value, err := pod.Sysctl("net/ipv4/conf/eth0/arp_notify")
		must(t, err)
		want(t, "arp_notify", value, "1")
		err = pod.SetSysctls(kernel.Setting{Name: "net/none/such", Value: "1"})
		if w.Real && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("unknown sysctl: %v", err)
		}
	})
}

func TestDefaultRoutes(t *testing.T) {
	kerneltest.Each(t, func(t *testing.T, w *kerneltest.World) {
		podPath := w.Netns(t)
		pair(t, w, podPath, "braid0123456789", "10.1.0.2/24")
		pod := open(t, w, podPath)
		must(t, pod.AddAddress(link(t, pod, "eth0").Index, kernel.Address{Prefix: prefix("fd00::2/64"), NoDAD: true}))
		four, six := netip.MustParseAddr("10.1.0.1"), netip.MustParseAddr("fd00::1")
		must(t, kernel.AddDefaultRoutes(w.Kernel, podPath, "eth0", four, six),
			kernel.AddDefaultRoutes(w.Kernel, podPath, "eth0", four, six))
		before := w.Dump(t, podPath)
		removed, err := kernel.RemoveDefaultRoutes(w.Kernel, podPath, "eth0", kernel.IPv6)
		must(t, err)
		if len(removed) != 1 || removed[0].Gateway != six {
			t.Errorf("removed: %v", removed)
		}
		must(t, kernel.RestoreRoutes(w.Kernel, podPath, removed), kernel.RestoreRoutes(w.Kernel, podPath, removed))
		want(t, "after undo", w.Dump(t, podPath), before)
		removed, err = kernel.RemoveDefaultRoutes(w.Kernel, podPath, "eth0", kernel.IPv4, kernel.IPv6)
		must(t, err)
		if len(removed) != 2 {
			t.Errorf("removed: %v", removed)
		}
		err = kernel.AddDefaultRoutes(w.Kernel, podPath, "eth0", four, netip.MustParseAddr("10.77.0.1"))
		if !errors.Is(err, unix.ENETUNREACH) {
			t.Errorf("gateway out of reach: %v", err)
		}
		routes, err := pod.Routes(0)
		must(t, err)
		for _, r := range routes {
			if r.Dst.Bits() == 0 {
				t.Errorf("failed call left %s", r)
			}
		}
		exists, err := kernel.LinkExists(w.Kernel, podPath, "eth0")
		none, err2 := kernel.LinkExists(w.Kernel, podPath, "eth1")
		must(t, err, err2)
		if !exists || none {
			t.Errorf("link exists: eth0 %v, eth1 %v", exists, none)
		}
	})
}

func TestHook(t *testing.T) {
	kerneltest.Each(t, func(t *testing.T, w *kerneltest.World) {
		var points []string
		w.Hook(func(point string) { points = append(points, point) })
		h := host(t, w)
		must(t, h.AddBridge(kernel.Bridge{Name: "br0"}))
		w.Refuse(func(change string) error { return unix.EPERM })
		if err := h.DelLink("br0"); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("refused change: %v", err)
		}
		_ = link(t, h, "br0")
		if len(points) != 4 || points[0] != "before add bridge" || points[3] != "after delete link" {
			t.Errorf("points: %q", points)
		}
	})
}

// A pair comes with its marks or not at all.
func TestVethMarks(t *testing.T) {
	kerneltest.Each(t, func(t *testing.T, w *kerneltest.World) {
		podPath := w.Netns(t)
		h, pod := host(t, w), open(t, w, podPath)
		v := kernel.Veth{
			Name: "braid0123456789", MAC: kernel.RandomMAC(), Peer: "eth0", PeerMAC: kernel.RandomMAC(), PeerNetns: pod,
			Alias: "ns/pod eth0 net", AltName: "braid0123456789.net",
		}
		must(t, kernel.AddVeth(h, v))
		near, far := link(t, h, v.Name), link(t, pod, "eth0")
		if near.Alias != v.Alias || len(near.AltNames) != 1 || near.AltNames[0] != v.AltName {
			t.Errorf("alias %q, alternative names %q", near.Alias, near.AltNames)
		}
		if near.Peer != far.Index || near.MAC.String() != v.MAC.String() || far.MAC.String() != v.PeerMAC.String() {
			t.Errorf("near end %+v, far end %+v", near, far)
		}
		if !w.Real {
			return
		}
		second := kernel.Veth{
			Name: "second", MAC: kernel.RandomMAC(), Peer: "net1", PeerMAC: kernel.RandomMAC(), PeerNetns: pod,
			Alias: "ns/pod net1 net", AltName: v.AltName, // which the kernel refuses: another link has it
		}
		if err := kernel.AddVeth(h, second); !errors.Is(err, fs.ErrExist) {
			t.Errorf("marks that are taken: %v", err)
		}
		if _, err := h.Link("second"); !errors.Is(err, kernel.ErrNoLink) {
			t.Errorf("the pair without its marks: %v", err)
		}
	})
}

// Addresses and the link's being up come in one call; what is refused is named.
func TestSetUp(t *testing.T) {
	kerneltest.Each(t, func(t *testing.T, w *kerneltest.World) {
		podPath := w.Netns(t)
		pair(t, w, podPath, "braid0123456789", "10.1.0.2/24")
		pod := open(t, w, podPath)
		must(t, pod.SetLink("eth0", kernel.LinkChange{Down: true}))
		index := link(t, pod, "eth0").Index
		must(t, pod.SetUp(index, true, kernel.Address{Prefix: prefix("10.2.0.2/24")}, kernel.Address{Prefix: prefix("fd00::2/64"), NoDAD: true}))
		want(t, "pod", w.Dump(t, podPath)[len(w.Dump(t)):], `pod0
  address eth0 10.1.0.2/24
  address eth0 10.2.0.2/24
  address eth0 fd00::2/64
  link eth0 veth mtu 1400 up
`)
		if value, err := pod.Sysctl("net/ipv4/conf/eth0/arp_notify"); value != "1" || err != nil {
			t.Errorf("arp_notify is %q, %v", value, err)
		}
		err := pod.SetUp(index, false, kernel.Address{Prefix: prefix("10.3.0.2/24")}, kernel.Address{Prefix: prefix("10.2.0.2/24")})
		if !errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), "10.2.0.2/24") {
			t.Errorf("an address that is there: %v", err)
		}
		if err := pod.SetUp(999, true); !errors.Is(err, kernel.ErrNoLink) {
			t.Errorf("no such link: %v", err)
		}
	})
}

// Messages of many goroutines on one socket get their own answers.
func TestSocketIsShared(t *testing.T) {
	kerneltest.Each(t, func(t *testing.T, w *kerneltest.World) {
		h := host(t, w)
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				name := fmt.Sprint("dev", i)
				for range 4 {
					if err := h.AddBridge(kernel.Bridge{Name: name, MAC: kernel.RandomMAC()}); err != nil {
						t.Error(err)
					}
					if l, err := h.Link(name); err != nil || l.Name != name {
						t.Errorf("asked for %s, got %q, %v", name, l.Name, err)
					}
					if err := h.DelLink(name); err != nil {
						t.Error(err)
					}
					if _, err := h.Link(name); !errors.Is(err, kernel.ErrNoLink) {
						t.Errorf("%s after its end: %v", name, err)
					}
				}
			})
		}
		all.Wait()
	})
}
