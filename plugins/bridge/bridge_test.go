package bridge_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/braid-cni/braid/ipam"
	"github.com/braid-cni/braid/kernel"
	"github.com/braid-cni/braid/plugins/bridge"
	"github.com/braid-cni/braid/plugins/plugin"
)

// dual is an IPAM answer with both families and every field of a route.
func dual(int) *current.Result {
	return &current.Result{
		IPs: []*current.IPConfig{
			{Address: cidr("10.1.0.2/24"), Gateway: net.ParseIP("10.1.0.254")}, {Address: cidr("fd00:1::2/64")},
		},
		Routes: []*types.Route{
			{Dst: cidr("10.9.0.0/16"), MTU: 1300, AdvMSS: 1200, Priority: 7, Table: current.Int(100)},
			{Dst: cidr("10.8.0.0/16"), GW: net.ParseIP("10.1.0.9"), Scope: current.Int(0)},
			{Dst: cidr("fd00:9::/48")},
		},
		DNS: types.DNS{Nameservers: []string{"10.1.0.53"}},
	}
}

func TestAddDel(t *testing.T) {
	for _, tt := range []struct {
		name, config string
		result       func(int) *current.Result
		want         string
	}{
		{
			name: "L2",
			want: `host
  link br0 bridge mtu 1500 up alias "made by braid"
  link $link veth mtu 1500 up alias "default/c1 eth0 net" master br0
pod0
  link eth0 veth mtu 1500 up
`,
		}, {
			name: "gateway and default route", config: `"isDefaultGateway":true,"mtu":1400,"ipam":{"type":"test"}`,
			want: `host
  address br0 10.1.0.1/24
  link br0 bridge mtu 1400 up alias "made by braid"
  link $link veth mtu 1400 up alias "default/c1 eth0 net" master br0
pod0
  address eth0 10.1.0.2/24
  link eth0 veth mtu 1400 up
  route 0.0.0.0/0 dev eth0 via 10.1.0.1 proto 98
`,
		}, {
			name: "both families, all route fields", config: l3, result: dual,
			want: `host
  address br0 10.1.0.254/24
  address br0 fd00:1::1/64
  link br0 bridge mtu 1500 up alias "made by braid"
  link $link veth mtu 1500 up alias "default/c1 eth0 net" master br0
pod0
  address eth0 10.1.0.2/24
  address eth0 fd00:1::2/64
  link eth0 veth mtu 1500 up
  route 10.8.0.0/16 dev eth0 via 10.1.0.9 proto 98
  route 10.9.0.0/16 dev eth0 via 10.1.0.254 table 100 metric 7 mtu 1300 advmss 1200 proto 98
  route fd00:9::/48 dev eth0 via fd00:1::1 metric 1024 proto 98
`,
		}, {
			name: "routes without any gateway", config: `"ipam":{"type":"test"}`,
			result: func(int) *current.Result {
				return &current.Result{
					IPs:    []*current.IPConfig{{Address: cidr("10.1.0.2/24")}},
					Routes: []*types.Route{{Dst: cidr("10.8.0.0/16")}, {Dst: cidr("10.8.0.0/16")}},
				}
			},
			want: `host
  link br0 bridge mtu 1500 up alias "made by braid"
  link $link veth mtu 1500 up alias "default/c1 eth0 net" master br0
pod0
  address eth0 10.1.0.2/24
  link eth0 veth mtu 1500 up
  route 10.8.0.0/16 dev eth0 proto 98
`,
		}, {
			name: "masquerade", config: l3 + `,"ipMasq":true,"ipMasqBackend":"iptables"`, result: dual,
			want: `host
  address br0 10.1.0.254/24
  address br0 fd00:1::1/64
  link br0 bridge mtu 1500 up alias "made by braid"
  link $link veth mtu 1500 up alias "default/c1 eth0 net" master br0
  masquerade br0 10.1.0.2 owner $link
  masquerade br0 fd00:1::2 owner $link
  nomasquerade br0 10.1.0.2 to 10.1.0.0/24 owner $link
  nomasquerade br0 fd00:1::2 to fd00:1::/64 owner $link
pod0
  address eth0 10.1.0.2/24
  address eth0 fd00:1::2/64
  link eth0 veth mtu 1500 up
  route 10.8.0.0/16 dev eth0 via 10.1.0.9 proto 98
  route 10.9.0.0/16 dev eth0 via 10.1.0.254 table 100 metric 7 mtu 1300 advmss 1200 proto 98
  route fd00:9::/48 dev eth0 via fd00:1::1 metric 1024 proto 98
`,
		}, {
			name: "port flags", config: `"hairpinMode":true,"portIsolation":true,"macspoofchk":true`,
			want: `host
  allowedmac $link owner $link
  link br0 bridge mtu 1500 up alias "made by braid"
  link $link veth mtu 1500 up alias "default/c1 eth0 net" master br0 hairpin isolated
  spoofchecked $link owner $link
pod0
  link eth0 veth mtu 1500 up
`,
		}, {
			name: "promiscuous mode", config: `"promiscMode":true`,
			want: `host
  link br0 bridge mtu 1500 up promisc alias "made by braid"
  link $link veth mtu 1500 up alias "default/c1 eth0 net" master br0
pod0
  link eth0 veth mtu 1500 up
`,
		}, {
			name: "container interface off", config: `"disableContainerInterface":true`,
			want: `host
  link br0 bridge mtu 1500 up alias "made by braid"
  link $link veth mtu 1500 up alias "default/c1 eth0 net" master br0
pod0
  link eth0 veth mtu 1500
`,
		}, {
			name: "IPv6 duplicate address detection", config: `"enabledad":true,"ipam":{"type":"test"}`,
			result: func(int) *current.Result {
				return &current.Result{IPs: []*current.IPConfig{{Address: cidr("fd00:1::2/64")}}}
			},
			want: `host
  link br0 bridge mtu 1500 up alias "made by braid"
  link $link veth mtu 1500 up alias "default/c1 eth0 net" master br0
pod0
  address eth0 fd00:1::2/64
  link eth0 veth mtu 1500 up
`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				w.ipam.result = tt.result
				p := pod{id: "c1", netns: w.Netns(t), config: conf(tt.config)}
				before := w.Dump(t, p.netns)
				result := w.add(t, p)
				want(t, "after ADD", w.Dump(t, p.netns), p.lines(tt.want))
				checkResult(t, p, result)
				must(t, w.plugin.Check(t.Context(), p.with(t, result).request()))
				if _, err := w.plugin.Add(t.Context(), p.request()); code(err) != types.ErrInvalidEnvironmentVariables {
					t.Errorf("second ADD: %v", err)
				}
				want(t, "after a second ADD", w.Dump(t, p.netns), p.lines(tt.want))
				w.del(t, p)
				w.del(t, p)
				want(t, "after DEL", w.Dump(t, p.netns), before)
				if n := w.ipam.leases(); n != 0 {
					t.Errorf("%d leases left", n)
				}
			})
		})
	}
}

// checkResult checks what users rely on: the order of interfaces, and what each address belongs to.
func checkResult(t *testing.T, p pod, result *current.Result) {
	t.Helper()
	var got []string
	for _, i := range result.Interfaces {
		got = append(got, fmt.Sprintf("%s in %q with a MAC of %d bytes", i.Name, i.Sandbox, (len(i.Mac)+1)/3))
	}
	want(t, "interfaces", strings.Join(got, "\n"), fmt.Sprintf(
		"br0 in \"\" with a MAC of 6 bytes\n%s in \"\" with a MAC of 6 bytes\neth0 in %q with a MAC of 6 bytes",
		p.hostLink(), p.netns))
	for _, ip := range result.IPs {
		if ip.Interface == nil || *ip.Interface != 2 {
			t.Errorf("%s is not of the container's interface", ip.Address.String())
		}
	}
	if _, err := result.GetAsVersion("0.3.1"); err != nil {
		t.Errorf("result as 0.3.1: %v", err)
	}
}

// A failure at any change of the kernel, or in IPAM, leaves nothing behind.
func TestAddFails(t *testing.T) {
	config := conf(l3 + `,"ipMasq":true,"macspoofchk":true,"hairpinMode":true`)
	each(t, func(t *testing.T, w *world) {
		w.ipam.result = dual
		p := pod{id: "c1", netns: w.Netns(t), config: config}
		// The first pod sets up the tables, which stay.
		w.add(t, p)
		w.del(t, p)
		before := w.Dump(t, p.netns)
		refused := errors.New("refused by the test")
		for n := 1; ; n++ {
			left := n
			w.Refuse(func(string) error {
				left--
				if left == 0 {
					return refused
				}
				return nil
			})
			_, err := w.plugin.Add(t.Context(), p.request())
			w.Refuse(nil)
			if err == nil {
				if n < 15 {
					t.Errorf("only %d changes", n-1)
				}
				w.del(t, p)
				break
			}
			if !errors.Is(err, refused) {
				t.Errorf("change %d: %v", n, err)
			}
			want(t, fmt.Sprintf("after change %d failed", n), w.Dump(t, p.netns), before)
			if leases := w.ipam.leases(); leases != 0 {
				t.Errorf("change %d: %d leases left", n, leases)
			}
		}
		for _, tt := range []struct {
			name   string
			err    error
			result func(int) *current.Result
		}{
			{name: "IPAM fails", err: types.NewError(types.ErrTryAgainLater, "full", "")},
			{name: "IPAM gives nothing", result: func(int) *current.Result { return &current.Result{} }},
			{name: "route out of reach", result: func(int) *current.Result {
				r := dual(0)
				r.Routes = append(r.Routes, &types.Route{Dst: cidr("10.5.0.0/16"), GW: net.ParseIP("10.77.0.1")})
				return r
			}},
			{name: "no gateway possible", result: func(int) *current.Result {
				return &current.Result{IPs: []*current.IPConfig{{Address: cidr("10.1.0.2/32")}}}
			}},
		} {
			w.ipam.err, w.ipam.result = tt.err, tt.result
			_, err := w.plugin.Add(t.Context(), p.request())
			if err == nil || tt.err != nil && code(err) != types.ErrTryAgainLater {
				t.Errorf("%s: error %v", tt.name, err)
			}
			want(t, tt.name, w.Dump(t, p.netns), before)
			if leases := w.ipam.leases(); leases != 0 {
				t.Errorf("%s: %d leases left", tt.name, leases)
			}
		}
	})
}

// A process that is killed at any change of the kernel does nothing more. DEL, by its successor, finds it all.
func TestKilled(t *testing.T) {
	config := conf(l3 + `,"ipMasq":true,"macspoofchk":true,"hairpinMode":true`)
	each(t, func(t *testing.T, w *world) {
		w.ipam.result = dual
		p := pod{id: "c1", netns: w.Netns(t), config: config}
		w.add(t, p)
		w.del(t, p)
		before := w.Dump(t, p.netns)
		for _, phase := range []string{"ADD", "DEL"} {
			for n := 0; ; n++ {
				if phase == "DEL" {
					w.add(t, p)
				}
				left := n
				w.Refuse(func(string) error {
					if left--; left < 0 {
						return errors.New("killed")
					}
					return nil
				})
				var err error
				if phase == "ADD" {
					_, err = w.plugin.Add(t.Context(), p.request())
				} else {
					err = w.tryDel(t, p)
				}
				w.Refuse(nil)
				w.plugin = bridge.New(w.Kernel, w.ipam)
				w.del(t, p)
				want(t, fmt.Sprintf("%s killed after %d changes, then DEL", phase, n), w.Dump(t, p.netns), before)
				if leases := w.ipam.leases(); leases != 0 {
					t.Errorf("%s killed after %d changes: %d leases left", phase, n, leases)
				}
				if err == nil {
					break
				}
			}
		}
	})
}

func TestDelWithout(t *testing.T) {
	for _, tt := range []struct {
		name string
		lose func(w *world, p *pod)
	}{
		{"netns gone", func(w *world, p *pod) { w.Remove(p.netns) }},
		{"netns empty", func(w *world, p *pod) { p.netns = "" }},
		{"host link gone", func(w *world, p *pod) {
			host, err := w.Kernel.Host()
			if err == nil {
				err = errors.Join(host.DelLink(p.hostLink()), host.Close())
			}
			if err != nil {
				panic(err)
			}
		}},
		{"a configuration that became wrong", func(w *world, p *pod) {
			p.config = strings.Replace(p.config, "{", `{"mtu":-1,"vlan":5000,`, 1)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				before := w.Dump(t)
				p := pod{id: "c1", netns: w.Netns(t), config: conf(l3 + `,"ipMasq":true`)}
				w.add(t, p)
				tt.lose(w, &p)
				w.del(t, p)
				want(t, "after DEL", w.Dump(t), before)
				if n := w.ipam.leases(); n != 0 {
					t.Errorf("%d leases left", n)
				}
			})
		})
	}
}

func TestAddRefuses(t *testing.T) {
	for _, tt := range []struct {
		name    string
		prepare func(t *testing.T, w *world, p *pod)
		code    uint
		text    string
	}{
		{"a bridge name that is another link", func(t *testing.T, w *world, p *pod) {
			must(t, kernel.AddVeth(w.host(t), kernel.Veth{Name: "br0", MAC: kernel.RandomMAC(), Peer: "x", PeerMAC: kernel.RandomMAC()}))
		}, types.ErrInvalidNetworkConfig, `"br0"`},
		{"a namespace that is none", func(t *testing.T, w *world, p *pod) { p.netns = t.TempDir() }, types.ErrInvalidNetNS, "CNI_NETNS"},
		{"an address on the bridge", func(t *testing.T, w *world, p *pod) {
			h := w.host(t)
			must(t, h.AddBridge(kernel.Bridge{Name: "br0", MAC: kernel.RandomMAC()}), h.SetLink("br0", kernel.LinkChange{Up: true}))
			l, err := h.Link("br0")
			must(t, err, h.AddAddress(l.Index, kernel.Address{Prefix: netip.MustParsePrefix("10.1.0.9/24")}))
		}, types.ErrInvalidNetworkConfig, "forceAddress"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				p := pod{id: "c1", netns: w.Netns(t), config: conf(l3)}
				tt.prepare(t, w, &p)
				before := w.Dump(t)
				_, err := w.plugin.Add(t.Context(), p.request())
				if code(err) != tt.code || !strings.Contains(fmt.Sprint(err), tt.text) {
					t.Errorf("error: %v", err)
				}
				want(t, "after ADD failed", w.Dump(t), before)
			})
		})
	}
}

func TestForceAddress(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		one := pod{id: "c1", netns: w.Netns(t), config: conf(l3)}
		two := pod{id: "c2", netns: w.Netns(t), config: conf(l3 + `,"forceAddress":true`)}
		w.add(t, one)
		w.ipam.result = func(int) *current.Result {
			return &current.Result{IPs: []*current.IPConfig{{Address: cidr("10.1.0.3/24"), Gateway: net.ParseIP("10.1.0.254")}}}
		}
		w.add(t, two)
		if dump := w.Dump(t); !strings.Contains(dump, "10.1.0.254/24") || strings.Contains(dump, "10.1.0.1/24") {
			t.Error(dump)
		}
	})
}

func TestUsersBridge(t *testing.T) {
	for _, tt := range []struct {
		name    string
		prepare func(h kernel.Netns) error
		stays   bool
	}{
		{"made by the user", func(h kernel.Netns) error { return h.AddBridge(kernel.Bridge{Name: "br0"}) }, true},
		{"ours with a foreign port", func(h kernel.Netns) error { return nil }, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				h := w.host(t)
				must(t, tt.prepare(h))
				p := pod{id: "c1", netns: w.Netns(t), config: conf("")}
				w.add(t, p)
				br, err := h.Link("br0")
				must(t, err, kernel.AddVeth(h, kernel.Veth{
					Name: "up0", MAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, Peer: "up1", PeerMAC: kernel.RandomMAC(), Master: br.Index,
				}))
				w.del(t, p)
				if _, err := h.Link("br0"); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestBridgeKeepsMAC(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		h := w.host(t)
		first := w.add(t, pod{id: "c1", netns: w.Netns(t), config: conf("")})
		for i := range 4 {
			w.add(t, pod{id: fmt.Sprint("more", i), netns: w.Netns(t), config: conf("")})
		}
		br, err := h.Link("br0")
		must(t, err)
		want(t, "MAC", br.MAC.String(), first.Interfaces[0].Mac)
	})
}

func TestMAC(t *testing.T) {
	for _, tt := range []struct{ name, args, config, want string }{
		{"CNI_ARGS", "IgnoreUnknown=1;MAC=02:00:00:00:00:01;K8S_POD_NAME=x", "", "02:00:00:00:00:01"},
		{"args over CNI_ARGS", "MAC=02:00:00:00:00:01", `"args":{"cni":{"mac":"02:00:00:00:00:02"}}`, "02:00:00:00:00:02"},
		{"runtimeConfig over args", "MAC=02:00:00:00:00:01",
			`"args":{"cni":{"mac":"02:00:00:00:00:02"}},"runtimeConfig":{"mac":"02:00:00:00:00:03"}`, "02:00:00:00:00:03"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				p := pod{id: "c1", netns: w.Netns(t), config: conf(tt.config), args: tt.args}
				want(t, "MAC", w.add(t, p).Interfaces[2].Mac, tt.want)
				l, err := w.open(t, p.netns).Link("eth0")
				must(t, err)
				want(t, "MAC in the pod", l.MAC.String(), tt.want)
			})
		})
	}
}

func TestChained(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		prev := &current.Result{
			CNIVersion: "1.1.0", Interfaces: []*current.Interface{{Name: "net0", Sandbox: "/x"}},
			IPs: []*current.IPConfig{{Interface: current.Int(0), Address: cidr("10.7.0.2/24")}},
			DNS: types.DNS{Nameservers: []string{"10.7.0.53"}},
		}
		p := pod{id: "c1", netns: w.Netns(t), config: conf(l3)}.with(t, prev)
		result := w.add(t, p)
		if len(result.Interfaces) != 4 || len(result.IPs) != 2 || *result.IPs[1].Interface != 3 || len(result.DNS.Nameservers) != 1 {
			t.Errorf("result: %v", result)
		}
		must(t, w.plugin.Check(t.Context(), p.with(t, result).request()))
	})
}

func TestDNS(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.ipam.result = dual
		p := pod{id: "c1", netns: w.Netns(t), config: conf(l3)}
		want(t, "DNS of IPAM", w.add(t, p).DNS.Nameservers[0], "10.1.0.53")
		w.del(t, p)
		p.config = conf(l3 + `,"dns":{"nameservers":["192.0.2.53"]}`)
		want(t, "DNS of the configuration", w.add(t, p).DNS.Nameservers[0], "192.0.2.53")
	})
}

func TestCheckFinds(t *testing.T) {
	for _, tt := range []struct {
		name     string
		breakIt  func(h, pod kernel.Netns, p pod) error
		complain string
	}{
		{"link gone", func(h, pod kernel.Netns, p pod) error { return h.DelLink(p.hostLink()) }, "no such link"},
		{"link down", func(h, pod kernel.Netns, p pod) error { return pod.SetLink("eth0", kernel.LinkChange{Down: true}) }, "is down"},
		{"address changed", func(h, pod kernel.Netns, p pod) error {
			return pod.DelAddress(index(pod, "eth0"), netip.MustParsePrefix("10.1.0.2/24"))
		}, "no address 10.1.0.2/24"},
		{"route gone", func(h, pod kernel.Netns, p pod) error {
			_, err := kernel.RemoveDefaultRoutes(fixed{pod}, "", "eth0", kernel.IPv4)
			return err
		}, "no route"},
		{"MAC changed", func(h, pod kernel.Netns, p pod) error {
			return pod.SetLink("eth0", kernel.LinkChange{MAC: net.HardwareAddr{2, 0, 0, 0, 0, 9}})
		}, "has MAC 02:00:00:00:00:09"},
		{"MTU changed", func(h, pod kernel.Netns, p pod) error { return pod.SetLink("eth0", kernel.LinkChange{MTU: 1300}) }, "MTU 1300"},
		{"out of the bridge", func(h, pod kernel.Netns, p pod) error {
			return errors.Join(h.AddBridge(kernel.Bridge{Name: "other"}),
				h.SetLink(p.hostLink(), kernel.LinkChange{Master: index(h, "other")}))
		}, "not a port of bridge"},
		{"hairpin off", func(h, pod kernel.Netns, p pod) error { return h.SetPort(p.hostLink(), kernel.Port{}) }, "hairpin"},
		{"masquerade gone", func(h, pod kernel.Netns, p pod) error {
			return kernel.RemoveElements(h, func(kernel.Owner) bool { return true })
		}, "lacks the element masquerade br0 . 10.1.0.2"},
		{"gateway gone", func(h, pod kernel.Netns, p pod) error {
			return h.DelAddress(index(h, "br0"), netip.MustParsePrefix("10.1.0.1/24"))
		}, "gateway's address 10.1.0.1/24"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				p := pod{id: "c1", netns: w.Netns(t), config: conf(
					`"isDefaultGateway":true,"ipMasq":true,"hairpinMode":true,"macspoofchk":true,"ipam":{"type":"test"}`)}
				checked := p.with(t, w.add(t, p)).request()
				must(t, w.plugin.Check(t.Context(), checked))
				must(t, tt.breakIt(w.host(t), w.open(t, p.netns), p))
				err := w.plugin.Check(t.Context(), checked)
				if err == nil || !strings.Contains(err.Error(), tt.complain) {
					t.Errorf("error: %v", err)
				}
			})
		})
	}
}

// fixed is a Kernel whose every path is one namespace.
type fixed struct{ kernel.Netns }

func (f fixed) Host() (kernel.Netns, error)       { return f, nil }
func (f fixed) Open(string) (kernel.Netns, error) { return f, nil }
func (f fixed) Close() error                      { return nil }

func index(n kernel.Netns, name string) int {
	l, err := n.Link(name)
	if err != nil {
		panic(err)
	}
	return l.Index
}

func TestCheckAsksIPAM(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		p := pod{id: "c1", netns: w.Netns(t), config: conf(l3)}
		checked := p.with(t, w.add(t, p)).request()
		clear(w.ipam.given)
		if err := w.plugin.Check(t.Context(), checked); err == nil {
			t.Error("no error")
		}
		if err := w.plugin.Check(t.Context(), p.request()); code(err) != types.ErrInvalidNetworkConfig {
			t.Errorf("without prevResult: %v", err)
		}
	})
}

// A pod whose namespace went without DEL keeps the bridge neither from GC nor from its own DEL.
func TestBridgeOfAPodThatWent(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, w *world, p pod){
		"GC": func(t *testing.T, w *world, p pod) {
			must(t, w.plugin.GC(t.Context(), &plugin.GCRequest{Config: []byte(p.config)}))
		},
		"DEL": func(t *testing.T, w *world, p pod) { w.del(t, p) },
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				p := pod{id: "c1", netns: w.Netns(t), config: conf(l3)}
				w.add(t, p)
				w.Remove(p.netns)
				for range 500 { // the kernel takes its time
					if _, err := w.host(t).Link(p.hostLink()); errors.Is(err, kernel.ErrNoLink) {
						break
					}
					time.Sleep(10 * time.Millisecond)
				}
				end(t, w, p)
				want(t, "host", w.Dump(t), "host\n")
			})
		})
	}
}

func TestGC(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		config := conf(l3 + `,"ipMasq":true`)
		other := strings.Replace(config, `"net"`, `"other"`, 1)
		keep := pod{id: "keep", netns: w.Netns(t), config: config}
		w.add(t, keep)
		foreign := pod{id: "foreign", netns: w.Netns(t), config: other}
		w.add(t, foreign)
		before := w.Dump(t)
		for i := range 3 {
			w.add(t, pod{id: fmt.Sprint("stale", i), netns: w.Netns(t), config: config})
		}
		valid := []ipam.Attachment{{ContainerID: "keep", IfName: "eth0"}}
		must(t, w.plugin.GC(t.Context(), &plugin.GCRequest{Config: []byte(config), Valid: valid}))
		want(t, "after GC", w.Dump(t), before)
		if len(w.ipam.gc) != 1 || w.ipam.gc[0] != valid[0] {
			t.Errorf("IPAM got %v", w.ipam.gc)
		}
		must(t, w.plugin.GC(t.Context(), &plugin.GCRequest{Config: []byte(config)}))
		if _, err := w.host(t).Link(foreign.hostLink()); err != nil {
			t.Errorf("GC touched another network: %v", err)
		}
		must(t, w.plugin.GC(t.Context(), &plugin.GCRequest{Config: []byte(other)}))
		want(t, "after all GC", w.Dump(t), "host\n")
	})
}

func TestStatus(t *testing.T) {
	w := newWorld(kernelWorld())
	for _, tt := range []struct {
		name, config string
		err          error
		code         uint
	}{
		{"L2", conf(""), nil, 0},
		{"IPAM ready", conf(l3), nil, 0},
		{"IPAM not ready", conf(l3), types.NewError(50, "full", ""), 50},
		{"mistake", conf(`"vlan":-1`), nil, 7},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w.ipam.err = tt.err
			if err := w.plugin.Status(t.Context(), &plugin.StatusRequest{Config: []byte(tt.config)}); code(err) != tt.code {
				t.Errorf("error: %v", err)
			}
		})
	}
}

// An address that an attachment left behind may come back with another subnet and another owner.
func TestTakesOverElements(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		h := w.host(t)
		old := kernel.NewOwner("old", "eth0", "net")
		must(t, h.UpdateElements(kernel.MasqueradeElements(old, "br0", []netip.Prefix{netip.MustParsePrefix("10.1.0.2/16")}), nil))
		p := pod{id: "c1", netns: w.Netns(t), config: conf(l3 + `,"ipMasq":true`)}
		w.add(t, p)
		// The late DEL of the former owner must not take what is now the pod's.
		w.del(t, pod{id: "old", config: p.config})
		elements, err := h.Elements()
		must(t, err)
		if len(elements) != 2 || elements[0].Owner.Link != p.hostLink() || elements[1].Owner.Link != p.hostLink() {
			t.Errorf("elements: %v", elements)
		}
		w.del(t, p)
		want(t, "after DEL", w.Dump(t), "host\n")
	})
}

// A leftover of an ADD that was killed has the name that the next ADD of the same attachment needs.
func TestLeftovers(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		h := w.host(t)
		p := pod{id: "c1", netns: w.Netns(t), config: conf("")}
		must(t, kernel.AddVeth(h, kernel.Veth{Name: p.hostLink(), MAC: kernel.RandomMAC(), Peer: "x", PeerMAC: kernel.RandomMAC()}),
			h.AddBridge(kernel.Bridge{Name: kernel.TemporaryName("br0")}))
		w.add(t, p)
		w.del(t, p)
		want(t, "after DEL", w.Dump(t), "host\n")
	})
}

func TestConcurrent(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		pods := make([]pod, 20)
		for i := range pods {
			pods[i] = pod{id: fmt.Sprint("c", i), netns: w.Netns(t), config: conf(l3 + `,"ipMasq":true`)}
		}
		var wg sync.WaitGroup
		for _, p := range pods {
			wg.Go(func() {
				for range 2 {
					if _, err := w.plugin.Add(t.Context(), p.request()); err != nil {
						t.Error(err)
					}
					if err := w.tryDel(t, p); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		want(t, "after all", w.Dump(t), "host\n")
		if n := w.ipam.leases(); n != 0 {
			t.Errorf("%d leases left", n)
		}
	})
}

// needVLANs skips on a kernel that cannot tell VLANs apart.
func needVLANs(t *testing.T, w *world) {
	t.Helper()
	h := w.host(t)
	err := h.AddBridge(kernel.Bridge{Name: "probe", VLANFiltering: true})
	if errors.Is(err, kernel.ErrNoVLANFiltering) {
		t.Skip("needs bridge vlan filtering (CONFIG_BRIDGE_VLAN_FILTERING)")
	}
	must(t, err, h.DelLink("probe"))
}

func TestVLAN(t *testing.T) {
	for _, tt := range []struct {
		name, config string
		port         string
		state        string
	}{
		{"access", `"vlan":100,` + l3, "[{100 true true}]", "address br0.100 10.1.0.1/24"},
		{"trunk", `"vlanTrunk":[{"minID":10,"maxID":11},{"id":20}]`, "[{1 true true} {10 false false} {11 false false} {20 false false}]", ""},
		{"access and trunk", `"vlan":100,"vlanTrunk":[{"id":20}]`, "[{20 false false} {100 true true}]", ""},
		{"with the default", `"vlan":100,"preserveDefaultVlan":true`, "[{1 false true} {100 true true}]", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				needVLANs(t, w)
				p := pod{id: "c1", netns: w.Netns(t), config: conf(tt.config)}
				result := w.add(t, p)
				port, err := w.host(t).Port(p.hostLink())
				must(t, err)
				want(t, "VLANs", fmt.Sprint(port.VLANs), tt.port)
				if !strings.Contains(w.Dump(t), tt.state) {
					t.Error(w.Dump(t))
				}
				must(t, w.plugin.Check(t.Context(), p.with(t, result).request()))
				w.del(t, p)
				want(t, "after DEL", w.Dump(t), "host\n")
			})
		})
	}
}

// Without filtering, VLANs would not be apart and the configuration would seem to work.
func TestVLANMissing(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		h := w.host(t)
		must(t, h.AddBridge(kernel.Bridge{Name: "br0"}))
		p := pod{id: "c1", netns: w.Netns(t), config: conf(`"vlan":100`)}
		_, err := w.plugin.Add(t.Context(), p.request())
		if code(err) != types.ErrInvalidNetworkConfig || !strings.Contains(err.Error(), "vlan_filtering 1") {
			t.Errorf("bridge of a user: %v", err)
		}
		must(t, h.DelLink("br0"))
		before := w.Dump(t)
		if _, err := w.plugin.Add(t.Context(), p.request()); err != nil && !errors.Is(err, kernel.ErrNoVLANFiltering) {
			t.Error(err)
		} else if err != nil {
			want(t, "after ADD failed", w.Dump(t), before)
		}
	})
}

// A pod that the reference plugin made has a host end of another name.
func TestAdopted(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		p := pod{id: "c1", netns: w.Netns(t), config: conf("")}
		must(t, kernel.AddVeth(w.host(t), kernel.Veth{
			Name: "veth12345678", MAC: kernel.RandomMAC(), Peer: "eth0", PeerMAC: kernel.RandomMAC(), PeerNetns: w.open(t, p.netns),
		}))
		w.del(t, p)
		if _, err := w.host(t).Link("veth12345678"); err != nil {
			t.Errorf("DEL without prevResult took a link it does not know: %v", err)
		}
		w.del(t, p.with(t, &current.Result{CNIVersion: "1.1.0", Interfaces: []*current.Interface{{Name: "eth0", Sandbox: p.netns}}}))
		want(t, "after DEL", w.Dump(t, p.netns), "host\npod0\n")
	})
}

// TestReadmeRuns makes and removes the README's examples. The driver stands for any IPAM.
func TestReadmeRuns(t *testing.T) {
	text, err := os.ReadFile("README.md")
	must(t, err)
	for _, e := range regexp.MustCompile("(?s)```json\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		config := strings.Replace(e[1], "host-local", "test", 1)
		c := struct{ Name string }{}
		must(t, json.Unmarshal([]byte(config), &c))
		t.Run(c.Name, func(t *testing.T) { each(t, func(t *testing.T, w *world) { runExample(t, w, config) }) })
	}
}

func runExample(t *testing.T, w *world, config string) {
	if strings.Contains(config, "vlan") {
		needVLANs(t, w)
	}
	p := pod{id: "c1", netns: w.Netns(t), config: config}
	result := w.add(t, p)
	must(t, w.plugin.Check(t.Context(), p.with(t, result).request()))
	w.del(t, p)
	want(t, "after DEL", w.Dump(t), "host\n")
}
