package pods

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"

	"github.com/braid-cni/braid/e2e/suite"
)

// A link is a network interface, in the words of ip's JSON.
type link struct {
	Index     int    `json:"ifindex"`
	Name      string `json:"ifname"`
	PeerIndex int    `json:"link_index"`
	MTU       int    `json:"mtu"`
	Master    string `json:"master"`
	Alias     string `json:"ifalias"`
	MAC       string `json:"address"`
	State     string `json:"operstate"`
	Info      struct {
		Kind string `json:"info_kind"`
	} `json:"linkinfo"`
	Addresses []struct {
		Local  string `json:"local"`
		Length int    `json:"prefixlen"`
		Scope  string `json:"scope"`
	} `json:"addr_info"`
}

// prefixes are the addresses that somebody gave the link, with their lengths, sorted.
func (l link) prefixes() []string {
	var all []string
	for _, a := range l.Addresses {
		if a.Scope != "link" { // the kernel's own
			all = append(all, fmt.Sprintf("%s/%d", a.Local, a.Length))
		}
	}
	slices.Sort(all)
	return all
}

// ips are the addresses that somebody gave the link, sorted.
func (l link) ips() []string {
	var all []string
	for _, prefix := range l.prefixes() {
		all = append(all, netip.MustParsePrefix(prefix).Addr().String())
	}
	slices.Sort(all)
	return all
}

// A route is one of the main table, in the words of ip's JSON.
type route struct {
	Dst      string `json:"dst"`
	Gateway  string `json:"gateway"`
	Dev      string `json:"dev"`
	Protocol string `json:"protocol"`
	Metric   int    `json:"metric"`
}

// parseLinks reads the answer of `ip -json -details address show`, without loopback, in the order of the names.
func parseLinks(t *suite.Test, answer string) []link {
	t.Helper()
	var all []link
	if err := json.Unmarshal([]byte(answer), &all); err != nil {
		t.Fatalf("read links: %v\n%s", err, answer)
	}
	all = slices.DeleteFunc(all, func(l link) bool { return l.Name == "lo" })
	slices.SortFunc(all, func(a, b link) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return all
}

// links are the pod's, without loopback, in the order of their names.
func (s *sandbox) links(t *suite.Test) []link {
	t.Helper()
	return parseLinks(t, s.run(t, "ip", "-json", "-details", "address", "show"))
}

// link is the pod's interface of that name.
func (s *sandbox) link(t *suite.Test, name string) link {
	t.Helper()
	all := s.links(t)
	i := slices.IndexFunc(all, func(l link) bool { return l.Name == name })
	if i < 0 {
		t.Fatalf("pod %s has no interface %s but %+v", s.pod.Name, name, all)
	}
	return all[i]
}

// routes are those of one family, "-4" or "-6", in the pod.
func (s *sandbox) routes(t *suite.Test, family string) []route {
	t.Helper()
	answer := s.run(t, "ip", "-json", family, "route", "show")
	var all []route
	if err := json.Unmarshal([]byte(answer), &all); err != nil {
		t.Fatalf("read routes: %v\n%s", err, answer)
	}
	return all
}

// hostLinks are the node's.
func (s *sandbox) hostLinks(t *suite.Test) []link {
	t.Helper()
	return parseLinks(t, onNode(t, s.node, "ip", "-json", "-details", "address", "show"))
}
