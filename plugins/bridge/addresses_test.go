package bridge_test

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/braid-cni/braid/kernel"
	"github.com/braid-cni/braid/kernel/kerneltest"
)

// same is an IPAM that gives everybody the same addresses.
func same(addresses ...string) func(int) *current.Result {
	return func(int) *current.Result {
		result := &current.Result{}
		for _, a := range addresses {
			result.IPs = append(result.IPs, &current.IPConfig{Address: cidr(a)})
		}
		return result
	}
}

// Without enabledad an address is good at once; with it, when ADD is answered. A tentative one cannot be used yet.
func TestDuplicateAddressDetection(t *testing.T) {
	for _, tt := range []struct {
		name, config string
		noDAD        bool
	}{
		{"by default", `"ipam":{"type":"test"}`, true},
		{"off", `"enabledad":false,"ipam":{"type":"test"}`, true},
		{"on", `"enabledad":true,"ipam":{"type":"test"}`, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				t.Parallel()
				w.ipam.result = same("10.1.0.2/24", "fd00:1::2/64")
				p := pod{id: "c1", netns: w.Netns(t), config: conf(tt.config)}
				w.add(t, p)
				inside := w.open(t, p.netns)
				addresses, err := inside.Addresses(index(inside, "eth0"))
				must(t, err)
				found := false
				for _, a := range addresses {
					if a.Prefix == netip.MustParsePrefix("fd00:1::2/64") {
						found = true
						if a.NoDAD != tt.noDAD || a.Tentative || a.Duplicate {
							t.Errorf("%+v, want NoDAD %v", a, tt.noDAD)
						}
					}
				}
				if !found {
					t.Errorf("no address fd00:1::2/64 in %+v", addresses)
				}
			})
		})
	}
}

// With enabledad the kernel asks the others on the bridge, which a fake has not got.
func TestDuplicateAddressIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(kerneltest.NewReal(t))
	w.ipam.result = same("fd00:1::2/64")
	config := conf(`"enabledad":true,"ipMasq":true,"ipam":{"type":"test"}`)
	first, second := pod{id: "c1", netns: w.Netns(t), config: config}, pod{id: "c2", netns: w.Netns(t), config: config}
	w.add(t, first)
	before := w.Dump(t, first.netns, second.netns)
	_, err := w.plugin.Add(t.Context(), second.request())
	if err == nil || !strings.Contains(err.Error(), `use address fd00:1::2/64 on "eth0": another host has it`) {
		t.Errorf("second pod: %v", err)
	}
	want(t, "after the second pod", w.Dump(t, first.netns, second.netns), before)
	if n := w.ipam.leases(); n != 1 {
		t.Errorf("%d leases, want that of the first pod", n)
	}
	w.del(t, second)
	want(t, "after its DEL", w.Dump(t, first.netns, second.netns), before)
}

// isDefaultGateway makes default routes of families for which IPAM has none of its own through a gateway.
func TestDefaultRouteOfIPAMStays(t *testing.T) {
	v4, v6 := cidr("0.0.0.0/0"), cidr("::/0")
	for _, tt := range []struct {
		name      string
		addresses []string
		routes    []*types.Route
		result    string
		kernel    []string
	}{
		{
			"through another gateway", []string{"10.1.0.2/24"}, []*types.Route{{Dst: v4, GW: net.ParseIP("10.1.0.9")}},
			"0.0.0.0/0 10.1.0.9", []string{"0.0.0.0/0 dev eth0 via 10.1.0.9"},
		}, {
			"of one family", []string{"10.1.0.2/24", "fd00:1::2/64"}, []*types.Route{{Dst: v4, GW: net.ParseIP("10.1.0.9")}},
			"0.0.0.0/0 10.1.0.9, ::/0 fd00:1::1", []string{"0.0.0.0/0 dev eth0 via 10.1.0.9", "::/0 dev eth0 via fd00:1::1"},
		}, {
			"of the other family", []string{"10.1.0.2/24", "fd00:1::2/64"}, []*types.Route{{Dst: v6, GW: net.ParseIP("fd00:1::9")}},
			"::/0 fd00:1::9, 0.0.0.0/0 10.1.0.1", []string{"0.0.0.0/0 dev eth0 via 10.1.0.1", "::/0 dev eth0 via fd00:1::9"},
		}, {
			"without a gateway", []string{"10.1.0.2/24"}, []*types.Route{{Dst: v4}},
			"0.0.0.0/0 <nil>, 0.0.0.0/0 10.1.0.1", []string{"0.0.0.0/0 dev eth0 via 10.1.0.1"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				w.ipam.result = func(n int) *current.Result {
					result := same(tt.addresses...)(n)
					result.Routes = append(result.Routes, tt.routes...)
					return result
				}
				p := pod{id: "c1", netns: w.Netns(t), config: conf(`"isDefaultGateway":true,"ipam":{"type":"test"}`)}
				result := w.add(t, p)
				var routes []string
				for _, r := range result.Routes {
					routes = append(routes, fmt.Sprintf("%s %v", r.Dst.String(), r.GW))
				}
				want(t, "routes of the result", strings.Join(routes, ", "), tt.result)
				want(t, "default routes of the pod", strings.Join(defaultRoutes(w.Dump(t, p.netns)), "\n"), strings.Join(tt.kernel, "\n"))
				must(t, w.plugin.Check(t.Context(), p.with(t, result).request()))
			})
		})
	}
}

// defaultRoutes are those of a dump, without what the kernel adds to them.
func defaultRoutes(dump string) (routes []string) {
	for line := range strings.Lines(dump) {
		route, ok := strings.CutPrefix(strings.TrimSpace(line), "route ")
		if ok && (strings.HasPrefix(route, "0.0.0.0/0 ") || strings.HasPrefix(route, "::/0 ")) {
			route, _, _ = strings.Cut(route, " metric ")
			route, _, _ = strings.Cut(route, " proto ")
			routes = append(routes, route)
		}
	}
	return routes
}

// The VLAN's link on the host is the fourth interface of the result, as the README says and CHECK relies on.
func TestResultNamesTheVLANsGateway(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		needVLANs(t, w)
		p := pod{id: "c1", netns: w.Netns(t), config: conf(`"vlan":100,"mtu":1400,` + l3)}
		result := w.add(t, p)
		links := []kernel.Link{
			link(t, w.host(t), "br0"), link(t, w.host(t), p.hostLink()), link(t, w.open(t, p.netns), "eth0"), link(t, w.host(t), "br0.100"),
		}
		var got, wanted []string
		for _, i := range result.Interfaces {
			got = append(got, fmt.Sprintf("%s %s %d in %q", i.Name, i.Mac, i.Mtu, i.Sandbox))
		}
		for i, l := range links {
			wanted = append(wanted, fmt.Sprintf("%s %s %d in %q", l.Name, l.MAC, l.MTU, []string{"", "", p.netns, ""}[i]))
		}
		want(t, "interfaces", strings.Join(got, "\n"), strings.Join(wanted, "\n"))
		if n := *result.IPs[0].Interface; n != 2 {
			t.Errorf("the address is of interface %d, want the pod's", n)
		}
	})
}

func link(t *testing.T, n kernel.Netns, name string) kernel.Link {
	t.Helper()
	l, err := n.Link(name)
	must(t, err)
	return l
}
