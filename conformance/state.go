package conformance

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"
)

const (
	// settlesWithin is how long the kernel may take to remove the links that went with a namespace.
	settlesWithin = 3 * time.Second
	// lagsWithin is how long a daemon may take with what it does after its answer.
	lagsWithin  = 100 * time.Millisecond
	settlePause = 20 * time.Millisecond
)

// A state is sorted lines, each a thing that the kernel or a folder of the host's has. The first word is its kind. Left
// out is what the kernel makes by itself when it likes: link-local addresses, routes that follow from an address.
type state []string

// state is the host's: links, addresses, routes, rules, firewall rules, and files in the folders of its own.
func (h *host) state() (state, error) {
	lines, err := h.namespace.state()
	if err != nil {
		return nil, err
	}
	files, err := h.files()
	if err != nil {
		return nil, err
	}
	rules, err := h.firewall()
	if err != nil {
		return nil, err
	}
	lines = append(append(lines, files...), rules...)
	slices.Sort(lines)
	return lines, nil
}

// firewall is what nftables and iptables have, each as far as its program is installed.
func (h *host) firewall() (lines []string, err error) {
	ctx := context.Background()
	for _, list := range []struct {
		kind, program string
		args          []string
	}{{"nftables", h.suite.nft, []string{"-s", "list", "ruleset"}}, {"iptables", h.suite.iptables, nil}} {
		if list.program == "" {
			continue
		}
		text, err := h.output(ctx, list.program, list.args...)
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(text) {
			if line = strings.TrimSpace(line); line != "" && line != "}" && !strings.HasPrefix(line, "#") {
				lines = append(lines, list.kind+" "+line)
			}
		}
	}
	return lines, nil
}

func (h *host) files() (lines []string, err error) {
	err = h.thread.do(func() error {
		for _, root := range covered {
			err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
				switch {
				case err != nil && path != root: // gone meanwhile
					return nil
				case path == sandboxes:
					return fs.SkipDir
				case path != root:
					lines = append(lines, "file "+path)
				}
				return err
			})
			if err != nil {
				return fmt.Errorf("list files in %s: %w", root, err)
			}
		}
		return nil
	})
	return lines, err
}

// state is that of a network namespace, as far as netlink tells.
func (n *namespace) state() (state, error) {
	links, err := retry(n.LinkList)
	if err != nil {
		return nil, fmt.Errorf("list links: %w", err)
	}
	names := map[int]string{}
	for _, l := range links {
		names[l.Attrs().Index] = l.Attrs().Name
	}
	var lines state
	for _, l := range links {
		lines = append(lines, n.linkLines(l, names)...)
	}
	more, err := n.routeLines(names)
	if err != nil {
		return nil, err
	}
	lines = append(lines, more...)
	slices.Sort(lines)
	return lines, nil
}

func (n *namespace) linkLines(l netlink.Link, names map[int]string) (lines []string) {
	attrs := l.Attrs()
	up := attrs.Flags&net.FlagUp != 0
	if attrs.Name == "lo" && !up {
		return nil
	}
	line := fmt.Sprintf("link %s %s", attrs.Name, l.Type())
	if l.Type() != "bridge" { // which has that of its smallest port
		line += fmt.Sprintf(" mtu %d", attrs.MTU)
	}
	if up {
		line += " up"
	}
	if attrs.MasterIndex != 0 {
		line += " master " + names[attrs.MasterIndex]
	}
	lines = append(lines, line)
	addresses, err := retry(func() ([]netlink.Addr, error) { return n.AddrList(l, netlink.FAMILY_ALL) })
	if err != nil {
		return lines // the link is gone meanwhile
	}
	for _, a := range addresses {
		if !a.IP.IsLinkLocalUnicast() || a.IP.To4() != nil {
			lines = append(lines, fmt.Sprintf("address %s on %s", a.IPNet, attrs.Name))
		}
	}
	return lines
}

func (n *namespace) routeLines(names map[int]string) (lines []string, err error) {
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		routes, err := n.routes(family, syscall.RT_TABLE_UNSPEC)
		if err != nil {
			return nil, err
		}
		for _, r := range routes {
			if r.Protocol != syscall.RTPROT_KERNEL && r.Table != syscall.RT_TABLE_LOCAL {
				lines = append(lines, "route "+describeRoute(r, names))
			}
		}
		rules, err := retry(func() ([]netlink.Rule, error) { return n.RuleList(family) })
		if err != nil {
			return nil, fmt.Errorf("list rules: %w", err)
		}
		for _, r := range rules {
			lines = append(lines, fmt.Sprintf("rule family %d %s", family, r))
		}
	}
	return lines, nil
}

// routes are those of one table, or of all with RT_TABLE_UNSPEC.
func (n *namespace) routes(family, table int) ([]netlink.Route, error) {
	routes, err := retry(func() ([]netlink.Route, error) {
		return n.RouteListFiltered(family, &netlink.Route{Table: table}, netlink.RT_FILTER_TABLE)
	})
	if err != nil {
		return nil, fmt.Errorf("list routes: %w", err)
	}
	return routes, nil
}

func describeRoute(r netlink.Route, names map[int]string) string {
	return fmt.Sprintf("%v via %v on %s table %d metric %d scope %s mtu %d advmss %d",
		r.Dst, r.Gw, names[r.LinkIndex], r.Table, r.Priority, r.Scope, r.MTU, r.AdvMSS)
}

// changes are the lines that came and went.
func (s state) changes(after state) (came, went []string) {
	return after.without(s), s.without(after)
}

// without leaves one line out for each equal one in other.
func (s state) without(other state) (rest []string) {
	count := map[string]int{}
	for _, line := range other {
		count[line]++
	}
	for _, line := range s {
		if count[line]--; count[line] < 0 {
			rest = append(rest, line)
		}
	}
	return rest
}

// settled waits until the host is as before, for a while, and returns how it is.
func (h *host) settled(before state, boxes ...*sandbox) (state, error) {
	begun := time.Now()
	for {
		after, err := h.with(boxes...)
		if err != nil || slices.Equal(before, after) {
			return after, err
		}
		came, _ := before.changes(after)
		patience := lagsWithin
		if slices.ContainsFunc(came, onHost) {
			patience = max(patience, h.emptied.Add(settlesWithin).Sub(begun))
		}
		if time.Since(begun) > patience {
			return after, nil
		}
		time.Sleep(settlePause)
	}
}

// onHost says that a line is a link that may yet go because another namespace did.
func onHost(line string) bool {
	return strings.HasPrefix(line, "link ") && !strings.Contains(line, " in "+sandboxes)
}

// with is the state of the host and of sandboxes.
func (h *host) with(boxes ...*sandbox) (state, error) {
	lines, err := h.state()
	if err != nil {
		return nil, err
	}
	for _, b := range boxes {
		if b.namespace == nil {
			continue
		}
		own, err := b.namespace.state()
		if err != nil {
			return nil, err
		}
		for _, line := range own {
			if !strings.HasPrefix(line, "rule ") { // every namespace has the kernel's own
				lines = append(lines, line+" in "+b.path)
			}
		}
	}
	slices.Sort(lines)
	return lines, nil
}

// kinds counts lines by their first word: "1 address, 2 links".
func kinds(lines []string) string {
	count := map[string]int{}
	for _, line := range lines {
		kind, _, _ := strings.Cut(line, " ")
		count[kind]++
	}
	names := map[string][2]string{
		"address": {"address", "addresses"}, "link": {"link", "links"}, "route": {"route", "routes"}, "rule": {"rule", "rules"},
		"file": {"file", "files"}, "nftables": {"line of nftables", "lines of nftables"}, "iptables": {"line of iptables", "lines of iptables"},
	}
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(count)) {
		parts = append(parts, fmt.Sprintf("%d %s", count[kind], names[kind][min(count[kind]-1, 1)]))
	}
	return strings.Join(parts, ", ")
}
