package bridge_test

import (
	"errors"
	"net"
	"net/netip"
	"os/exec"
	"strings"
	"testing"

	current "github.com/containernetworking/cni/pkg/types/100"
	"golang.org/x/sys/unix"

	"github.com/braid-cni/braid/kernel"
	"github.com/braid-cni/braid/kernel/kerneltest"
)

// Payloads that fill a packet: the MTU without IPv4 (or IPv6) and UDP headers.
const (
	full4 = 1500 - 20 - 8
	full6 = 1500 - 40 - 8
)

// realWorld is a world whose packets move, or skips.
func realWorld(t *testing.T) *world {
	t.Helper()
	return newWorld(kerneltest.NewReal(t))
}

// outside is a machine beyond the host, at 192.0.2.2 and 2001:db8::2. It has routes back to the pods, so that
// packets with their own addresses are answered too; and it has 10.1.0.200, which is in the pods' subnet.
func (w *world) outside(t *testing.T) string {
	t.Helper()
	path := w.Netns(t)
	h, out := w.host(t), w.open(t, path)
	must(t, kernel.AddVeth(h, kernel.Veth{
		Name: "uplink", MAC: kernel.RandomMAC(), Peer: "eth0", PeerMAC: kernel.RandomMAC(), PeerNetns: out, Up: true,
	}))
	host, eth0 := index(h, "uplink"), index(out, "eth0")
	must(t, out.SetLink("eth0", kernel.LinkChange{Up: true}),
		addresses(h, host, "192.0.2.1/24", "2001:db8::1/64"),
		addresses(out, eth0, "192.0.2.2/24", "2001:db8::2/64", "10.1.0.200/32"),
		out.AddRoute(kernel.Route{Dst: netip.MustParsePrefix("10.0.0.0/8"), Gateway: netip.MustParseAddr("192.0.2.1"), Link: eth0}),
		out.AddRoute(kernel.Route{Dst: netip.MustParsePrefix("fd00::/8"), Gateway: netip.MustParseAddr("2001:db8::1"), Link: eth0}),
		h.AddRoute(kernel.Route{Dst: netip.MustParsePrefix("10.1.0.200/32"), Gateway: netip.MustParseAddr("192.0.2.2"), Link: host}))
	for _, a := range []string{"192.0.2.2", "2001:db8::2", "10.1.0.200"} {
		w.Serve(t, path, a)
	}
	return path
}

func addresses(n kernel.Netns, link int, prefixes ...string) error {
	var errs []error
	for _, p := range prefixes {
		errs = append(errs, n.AddAddress(link, kernel.Address{Prefix: netip.MustParsePrefix(p), NoDAD: true}))
	}
	return errors.Join(errs...)
}

// saw asks a server from a pod and compares the source that it saw.
func (w *world) saw(t *testing.T, what, netns, server, source string) {
	t.Helper()
	got, err := w.Ask(t, netns, server, 100)
	if err != nil || got != source {
		t.Errorf("%s: server saw %q, want %q (error %v)", what, got, source, err)
	}
}

// fixedDual gives one pair of addresses again and again.
func fixedDual(int) *current.Result {
	r := dual(0)
	r.IPs[0].Gateway = nil
	r.Routes = nil
	return r
}

func TestMasqueradePackets(t *testing.T) {
	w := realWorld(t)
	w.outside(t)
	w.ipam.result = fixedDual
	hidden := pod{id: "hidden", netns: w.Netns(t), config: conf(`"isDefaultGateway":true,"ipMasq":true,"ipam":{"type":"test"}`)}
	w.add(t, hidden)
	in := w.open(t, hidden.netns)
	must(t, in.AddRoute(kernel.Route{
		Dst: netip.MustParsePrefix("10.1.0.200/32"), Gateway: netip.MustParseAddr("10.1.0.1"), Link: index(in, "eth0"),
	}))
	w.saw(t, "to the outside", hidden.netns, "192.0.2.2", "192.0.2.1")
	w.saw(t, "to the outside, IPv6", hidden.netns, "2001:db8::2", "2001:db8::1")
	w.saw(t, "to the own subnet", hidden.netns, "10.1.0.200", "10.1.0.2")

	// The same addresses on another bridge are another pod, and nobody asked to hide it.
	w.del(t, hidden)
	elements, err := w.host(t).Elements()
	if must(t, err); len(elements) != 0 {
		t.Errorf("elements after DEL: %v", elements)
	}
	must(t, w.host(t).UpdateElements(kernel.MasqueradeElements(kernel.NewOwner("x", "eth0", "net"), "br9",
		[]netip.Prefix{netip.MustParsePrefix("10.1.0.2/24"), netip.MustParsePrefix("fd00:1::2/64")}), nil))
	open := pod{id: "open", netns: w.Netns(t), config: conf(`"isDefaultGateway":true,"ipam":{"type":"test"}`)}
	w.add(t, open)
	w.saw(t, "not hidden", open.netns, "192.0.2.2", "10.1.0.2")
	w.saw(t, "not hidden, IPv6", open.netns, "2001:db8::2", "fd00:1::2")
}

func TestLargestPacket(t *testing.T) {
	w := realWorld(t)
	one := pod{id: "one", netns: w.Netns(t), config: conf(l3)}
	two := pod{id: "two", netns: w.Netns(t), config: conf(l3)}
	w.add(t, one)
	w.add(t, two)
	w.Serve(t, two.netns, "10.1.0.3")
	if got, err := w.Ask(t, one.netns, "10.1.0.3", full4); got != "10.1.0.2" {
		t.Errorf("packet of 1500 bytes: %q, %v", got, err)
	}
	if _, err := w.Ask(t, one.netns, "10.1.0.3", full4+1); !errors.Is(err, unix.EMSGSIZE) {
		t.Errorf("packet of 1501 bytes: %v", err)
	}
}

// The gateway answers at once over IPv6: no duplicate address detection holds it back.
func TestGatewayPackets(t *testing.T) {
	w := realWorld(t)
	w.ipam.result = fixedDual
	p := pod{id: "c1", netns: w.Netns(t), config: conf(l3)}
	w.add(t, p)
	w.Serve(t, w.Host, "fd00:1::1")
	w.Serve(t, w.Host, "10.1.0.1")
	if got, err := w.Ask(t, p.netns, "fd00:1::1", full6); got != "fd00:1::2" {
		t.Errorf("IPv6: %q, %v", got, err)
	}
	w.saw(t, "IPv4", p.netns, "10.1.0.1", "10.1.0.2")
}

func TestSpoofCheckPackets(t *testing.T) {
	w := realWorld(t)
	one := pod{id: "one", netns: w.Netns(t), config: conf(l3 + `,"macspoofchk":true`)}
	two := pod{id: "two", netns: w.Netns(t), config: conf(l3)}
	w.add(t, one)
	w.add(t, two)
	w.Serve(t, two.netns, "10.1.0.3")
	w.saw(t, "own MAC", one.netns, "10.1.0.3", "10.1.0.2")
	must(t, w.open(t, one.netns).SetLink("eth0", kernel.LinkChange{MAC: net.HardwareAddr{2, 0, 0, 0, 0, 9}}))
	if got, err := w.Ask(t, one.netns, "10.1.0.3", 100); err == nil {
		t.Errorf("another MAC was answered: %q", got)
	}
}

func TestIsolationPackets(t *testing.T) {
	w := realWorld(t)
	var pods []pod
	for _, id := range []string{"one", "two"} {
		pods = append(pods, pod{id: id, netns: w.Netns(t), config: conf(l3 + `,"portIsolation":true`)})
		w.add(t, pods[len(pods)-1])
	}
	w.Serve(t, pods[1].netns, "10.1.0.3")
	w.Serve(t, w.Host, "10.1.0.1")
	w.saw(t, "gateway", pods[0].netns, "10.1.0.1", "10.1.0.2")
	if got, err := w.Ask(t, pods[0].netns, "10.1.0.3", 100); err == nil {
		t.Errorf("an isolated pod answered: %q", got)
	}
}

// TestRuleset reads back with nft what is written without it.
func TestRuleset(t *testing.T) {
	w := realWorld(t)
	if _, err := exec.LookPath("nft"); err != nil {
		t.Skip("needs the program nft (package nftables) to read rules back")
	}
	w.ipam.result = fixedDual
	p := pod{id: "c1", netns: w.Netns(t), config: conf(l3 + `,"ipMasq":true,"macspoofchk":true`), args: "MAC=02:00:00:00:00:01"}
	w.add(t, p)
	var out []byte
	var err error
	w.In(t, w.Host, func() { out, err = exec.Command("nft", "list", "ruleset").CombinedOutput() })
	must(t, err)
	got := string(out)
	for _, line := range []string{
		`type nat hook postrouting priority srcnat; policy accept;`,
		`ip daddr 224.0.0.0/4 return`,
		`iifname . ip saddr . ip daddr @nomasq4 return`,
		`iifname . ip saddr @masq4 masquerade fully-random`,
		`ip6 daddr ff00::/8 return`,
		`iifname . ip6 saddr . ip6 daddr @nomasq6 return`,
		`iifname . ip6 saddr @masq6 masquerade fully-random`,
		`"br0" . 10.1.0.2 comment "` + p.hostLink() + " " + kernel.NetworkID("net") + `"`,
		`type filter hook prerouting priority dstnat; policy accept;`,
		`elements = { "` + p.hostLink() + `" comment`,
		`iifname . ether saddr @allowedmacs return`,
		`iifname @spoofchecked drop`,
		`"` + p.hostLink() + `" . 02:00:00:00:00:01 comment "` + p.hostLink(),
	} {
		if !strings.Contains(got, line) {
			t.Errorf("nft shows no %s", line)
		}
	}
	if t.Failed() {
		t.Log(got)
	}
}
