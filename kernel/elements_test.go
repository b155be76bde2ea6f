package kernel_test

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/braid-cni/braid/kernel"
	"github.com/braid-cni/braid/kernel/kerneltest"
)

func sorted(elements []kernel.Element) string {
	var lines []string
	for _, e := range elements {
		lines = append(lines, e.String()+" "+e.Owner.Link+" "+e.Owner.Network+"\n")
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

func elements(t *testing.T, n kernel.Nft) []kernel.Element {
	t.Helper()
	all, err := n.Elements()
	must(t, err)
	return all
}

func TestElements(t *testing.T) {
	kerneltest.Each(t, func(t *testing.T, w *kerneltest.World) {
		h := host(t, w)
		one, two := kernel.NewOwner("c1", "eth0", "a"), kernel.NewOwner("c2", "eth0", "b")
		mine := append(kernel.MasqueradeElements(one, "br0", []netip.Prefix{
			prefix("10.1.0.2/24"), prefix("10.2.0.2/17"), prefix("172.16.3.4/32"), prefix("0.0.0.1/1"), prefix("fd00::2/64"), prefix("fd00:1::2/128"),
		}), kernel.SpoofCheckElements(one, "abcdefghijklmno", net.HardwareAddr{2, 1, 2, 3, 4, 5})...)
		theirs := kernel.MasqueradeElements(two, "br1", []netip.Prefix{prefix("10.1.0.2/24"), prefix("fd00::2/64")})
		must(t, h.UpdateElements(mine, nil), h.UpdateElements(theirs, nil), h.UpdateElements(theirs, nil))
		want(t, "elements", sorted(elements(t, h)), sorted(append(mine, theirs...)))

		// Nothing happens unless all happens.
		err := h.UpdateElements(nil, []kernel.Element{mine[0], {Kind: kernel.Masquerade, Link: "br7", Source: mine[0].Source}})
		if !errors.Is(err, unix.ENOENT) {
			t.Errorf("delete of an element that is not there: %v", err)
		}
		want(t, "elements", sorted(elements(t, h)), sorted(append(mine, theirs...)))

		must(t, kernel.RemoveElements(h, func(o kernel.Owner) bool { return o == one }),
			kernel.RemoveElements(h, func(o kernel.Owner) bool { return o == one }))
		want(t, "elements", sorted(elements(t, h)), sorted(theirs))
		// A new owner takes over equal elements, and replaces those that overlap.
		renamed := kernel.MasqueradeElements(one, "br1", []netip.Prefix{prefix("10.1.0.2/16"), prefix("fd00::2/64")})
		must(t, h.UpdateElements(renamed, nil))
		want(t, "elements", sorted(elements(t, h)), sorted(renamed))
		// One transaction takes away and gives.
		must(t, h.UpdateElements(theirs, renamed))
		want(t, "elements", sorted(elements(t, h)), sorted(theirs))
	})
}

// Whoever flushes all rules takes ours along. The next element brings them back, each once.
func TestElementsAfterFlush(t *testing.T) {
	w := kerneltest.NewReal(t)
	if _, err := exec.LookPath("nft"); err != nil {
		t.Skip("needs the program nft (package nftables) to damage the rules")
	}
	h := host(t, w)
	owner := kernel.NewOwner("c1", "eth0", "a")
	all := append(kernel.MasqueradeElements(owner, "br0", []netip.Prefix{prefix("10.1.0.2/24"), prefix("fd00::2/64")}),
		kernel.SpoofCheckElements(owner, "p", net.HardwareAddr{2, 1, 2, 3, 4, 5})...)
	for _, damage := range []string{
		"list ruleset",
		"flush ruleset",
		"flush chain inet braid postrouting; delete set inet braid masq6",
		"flush chain bridge braid prerouting; delete set bridge braid spoofchecked",
	} {
		nft(t, w, damage)
		must(t, h.UpdateElements(all, nil))
		rules := nft(t, w, "list ruleset")
		for text, times := range map[string]int{"masquerade fully-random": 2, " return": 5, " drop": 1} {
			if n := strings.Count(rules, text); n != times {
				t.Errorf("after %s: %q %d times, want %d, in\n%s", damage, text, n, times, rules)
			}
		}
		want(t, "elements", sorted(elements(t, h)), sorted(all))
	}
}

func nft(t *testing.T, w *kerneltest.World, command string) string {
	t.Helper()
	var out []byte
	var err error
	w.In(t, w.Host, func() { out, err = exec.Command("nft", command).CombinedOutput() })
	if err != nil {
		t.Fatalf("nft %s: %v: %s", command, err, out)
	}
	return string(out)
}

// What is remembered of the sets is right although others change them, and rules that are none of ours.
func TestElementsAreSeenAnew(t *testing.T) {
	kerneltest.Each(t, func(t *testing.T, w *kerneltest.World) {
		h := host(t, w)
		other := h
		if w.Real { // another process, with a memory of its own
			other = host(t, &kerneltest.World{Kernel: kernel.New(kernel.Options{HostNetns: w.Host})})
		}
		owner := func(i int) kernel.Owner { return kernel.Owner{Link: fmt.Sprint("braid000000000", i), Network: "n"} }
		elements := func(i int) []kernel.Element {
			return kernel.MasqueradeElements(owner(i), "br0", []netip.Prefix{prefix(fmt.Sprintf("10.1.0.%d/24", i))})
		}
		sees := func(n int) {
			t.Helper()
			for _, who := range []kernel.Netns{h, other} {
				if found, err := who.Elements(); len(found) != 2*n || err != nil {
					t.Errorf("%d elements, %v; want %d", len(found), err, 2*n)
				}
			}
		}
		sees(0)
		must(t, h.UpdateElements(elements(1), nil))
		sees(1)
		must(t, other.UpdateElements(elements(2), nil), h.UpdateElements(elements(3), nil))
		sees(3)
		must(t, other.UpdateElements(nil, elements(1)), h.UpdateElements(elements(1), elements(2)))
		sees(2)
		// Somebody gives an address of a link that is gone to another: its owner is the new one.
		again := elements(1)
		for i := range again {
			again[i].Owner = owner(9)
		}
		must(t, h.UpdateElements(again, nil))
		sees(2)
		must(t, kernel.RemoveElements(other, func(o kernel.Owner) bool { return o == owner(9) }))
		sees(1)
	})
}
