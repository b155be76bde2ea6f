package kerneltest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/braid-cni/braid/kernel"
)

// Dump shows the host and the namespaces at some paths as sorted lines, each namespace after a line with its
// name: "host", then "pod0", "pod1" and so on. Left out is what differs from run to run or comes from the kernel
// itself: loopback, MACs and indexes, IPv6 link-local addresses, routes of protocol "kernel".
func (w *World) Dump(t testing.TB, paths ...string) string {
	t.Helper()
	host, err := w.Kernel.Host()
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	text := "host\n" + dumpNetns(t, host)
	for i, path := range paths {
		pod, err := w.Kernel.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		text += fmt.Sprintf("pod%d\n", i) + dumpNetns(t, pod)
		_ = pod.Close()
	}
	return text
}

func dumpNetns(t testing.TB, n kernel.Netns) string {
	t.Helper()
	links, err := n.Links()
	if err != nil {
		t.Fatal(err)
	}
	names := make(map[int]string)
	for _, l := range links {
		names[l.Index] = l.Name
	}
	var lines []string
	for _, l := range links {
		if l.Name == "lo" {
			continue
		}
		lines = append(lines, linkLine(t, n, l, names))
		lines = append(lines, addressLines(t, n, l)...)
	}
	lines = append(lines, routeLines(t, n, names)...)
	lines = append(lines, elementLines(t, n)...)
	slices.Sort(lines)
	for i := range lines {
		lines[i] = "  " + lines[i] + "\n"
	}
	return strings.Join(lines, "")
}

func linkLine(t testing.TB, n kernel.Netns, l kernel.Link, names map[int]string) string {
	t.Helper()
	line := fmt.Sprintf("link %s %s mtu %d", l.Name, l.Kind, l.MTU)
	add := func(on bool, format string, args ...any) {
		if on {
			line += fmt.Sprintf(" "+format, args...)
		}
	}
	add(l.Up, "up")
	add(l.Promisc && l.Master == 0, "promisc")
	add(l.Alias != "", "alias %q", l.Alias)
	if l.Master == 0 {
		return line
	}
	port, err := n.Port(l.Name)
	if err != nil {
		t.Fatal(err)
	}
	add(true, "master %s", names[l.Master])
	add(port.Hairpin, "hairpin")
	add(port.Isolated, "isolated")
	return line
}

func addressLines(t testing.TB, n kernel.Netns, l kernel.Link) []string {
	t.Helper()
	addresses, err := n.Addresses(l.Index)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, a := range addresses {
		if !a.Prefix.Addr().IsLinkLocalUnicast() || a.Prefix.Addr().Is4() {
			lines = append(lines, fmt.Sprintf("address %s %s", l.Name, a.Prefix))
		}
	}
	return lines
}

func routeLines(t testing.TB, n kernel.Netns, names map[int]string) []string {
	t.Helper()
	var lines []string
	for _, table := range []int{0, 100, 200} {
		routes, err := n.Routes(table)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range routes {
			if r.Protocol != unix.RTPROT_KERNEL {
				lines = append(lines, routeLine(r, names))
			}
		}
	}
	return lines
}

func routeLine(r kernel.Route, names map[int]string) string {
	line := fmt.Sprintf("route %s dev %s", r.Dst, names[r.Link])
	if r.Gateway.IsValid() {
		line += " via " + r.Gateway.String()
	}
	for _, f := range []struct {
		name  string
		value int
	}{
		{"table", r.Table}, {"metric", r.Priority}, {"scope", r.Scope}, {"mtu", r.MTU}, {"advmss", r.AdvMSS},
		{"proto", r.Protocol},
	} {
		if f.value != 0 {
			line += fmt.Sprintf(" %s %d", f.name, f.value)
		}
	}
	return line
}

func elementLines(t testing.TB, n kernel.Netns) []string {
	t.Helper()
	elements, err := n.Elements()
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, e := range elements {
		switch e.Kind {
		case kernel.NoMasquerade:
			lines = append(lines, fmt.Sprintf("nomasquerade %s %s to %s owner %s", e.Link, e.Source, e.Dst, e.Owner.Link))
		case kernel.Masquerade:
			lines = append(lines, fmt.Sprintf("masquerade %s %s owner %s", e.Link, e.Source, e.Owner.Link))
		case kernel.SpoofChecked:
			lines = append(lines, fmt.Sprintf("spoofchecked %s owner %s", e.Link, e.Owner.Link))
		case kernel.AllowedMAC:
			lines = append(lines, fmt.Sprintf("allowedmac %s owner %s", e.Link, e.Owner.Link))
		}
	}
	return lines
}
