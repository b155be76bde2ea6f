package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// network lists what the kernel knows of one network namespace.
func network(ctx context.Context, run runner) ([]string, error) {
	lines, err := links(ctx, run)
	if err != nil {
		return nil, err
	}
	for _, part := range []struct {
		prefix string
		argv   string
		keep   func(line string) bool
	}{
		{"route4", "ip -4 route show table all", nil},
		{"route6", "ip -6 route show table all", func(line string) bool { return !ofAnAddress(line) }},
		{"rule4", "ip -4 rule show", nil},
		{"rule6", "ip -6 rule show", nil},
		{"neighbour", "ip neighbour show nud permanent", nil},
		// Entries of tunnels; those of bridges come and go with what they learn.
		{"fdb", "bridge fdb show", func(line string) bool { return strings.Contains(line, " dst ") }},
		{"nft", "nft --stateless list ruleset", nil},
	} {
		out, err := run(ctx, strings.Fields(part.argv)...)
		if err != nil {
			return nil, err
		}
		for _, line := range prefixed(part.prefix, settled(out)) {
			if part.keep == nil || part.keep(line) {
				lines = append(lines, line)
			}
		}
	}
	return lines, nil
}

// settled removes what changes by itself: lifetimes, and whether a link has carrier.
func settled(text string) string {
	return regexp.MustCompile(` expires \d+sec| linkdown\b`).ReplaceAllString(text, "")
}

// ofAnAddress marks the routes that follow from an address, or from the link itself, which have lines of their own. Linux
// makes the local and anycast ones when it has seen that nobody else uses the address, a second or two after the link has
// carrier, and the multicast one with the carrier: a bridge whose first pod was gone by then has not yet these.
func ofAnAddress(route string) bool {
	if !strings.Contains(route, " proto kernel ") {
		return false
	}
	return strings.Contains(route, " fe80:") ||
		slices.Contains([]string{"local", "anycast", "multicast"}, strings.Fields(route)[1])
}

// A linkView is what of a link belongs to a snapshot, in the words of ip's JSON.
type linkView struct {
	Name   string   `json:"ifname"`
	Flags  []string `json:"flags"`
	MTU    int      `json:"mtu"`
	Master string   `json:"master"`
	Group  string   `json:"group"`
	Alias  string   `json:"ifalias"`
	MAC    string   `json:"address"`
	Info   struct {
		Kind string `json:"info_kind"`
	} `json:"linkinfo"`
	Addresses []struct {
		Local    string `json:"local"`
		Length   int    `json:"prefixlen"`
		Protocol string `json:"protocol"` // kernel_ll: the kernel's own link-local one
	} `json:"addr_info"`
}

func links(ctx context.Context, run runner) ([]string, error) {
	out, err := run(ctx, "ip", "-json", "-details", "address", "show")
	if err != nil {
		return nil, err
	}
	var views []linkView
	if err := json.Unmarshal([]byte(out), &views); err != nil {
		return nil, fmt.Errorf("read links: %w", err)
	}
	var lines []string
	for _, v := range views {
		lines = append(lines, v.line())
		for _, a := range v.Addresses {
			if a.Protocol != "kernel_ll" {
				lines = append(lines, fmt.Sprintf("address %s %s/%d", v.Name, a.Local, a.Length))
			}
		}
	}
	return lines, nil
}

func (v linkView) line() string {
	status := "down"
	if slices.Contains(v.Flags, "UP") {
		status = "up"
	}
	if v.Info.Kind == "bridge" {
		v.MAC = "" // a bridge takes that of a port, if it was given none
	}
	return fmt.Sprintf("link %s kind=%s %s mtu=%d master=%s group=%s alias=%q mac=%s",
		v.Name, v.Info.Kind, status, v.MTU, v.Master, v.Group, v.Alias, v.MAC)
}
