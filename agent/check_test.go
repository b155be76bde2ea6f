package agent

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/braid-cni/braid/kernel"
)

// damage is something done to one interface of a pod behind Braid's back.
type damage struct {
	name string
	do   func(d *scene) error
	want string // what CHECK says of it, %IF% being the interface
}

// A scene is where damage is done.
type scene struct {
	host, pod              kernel.Netns
	ifname, link, bridge   string
	address, gateway, dest string
}

func (s *scene) index(n kernel.Netns, name string) int {
	link, err := n.Link(name)
	if err != nil {
		return 0
	}
	return link.Index
}

// damages are those that the CNI specification's CHECK is for (section 4, CHECK).
func damages() []damage {
	return []damage{
		{"link gone from the pod", func(s *scene) error { return s.pod.DelLink(s.ifname) }, "no such link"},
		{"link renamed", func(s *scene) error {
			return errors.Join(s.pod.SetLink(s.ifname, kernel.LinkChange{Down: true}), s.pod.SetLink(s.ifname, kernel.LinkChange{Name: "other"}))
		}, "no such link"},
		{"link down", func(s *scene) error { return s.pod.SetLink(s.ifname, kernel.LinkChange{Down: true}) }, "is down"},
		{"address changed", func(s *scene) error {
			return errors.Join(s.pod.DelAddress(s.index(s.pod, s.ifname), netip.MustParsePrefix(s.address)),
				s.pod.AddAddress(s.index(s.pod, s.ifname), kernel.Address{Prefix: netip.MustParsePrefix("10.99.0.1/24")}))
		}, "has no address"},
		{"route gone", func(s *scene) error {
			routes, err := s.pod.Routes(0)
			for _, r := range routes {
				if r.Dst == netip.MustParsePrefix(s.dest) {
					err = errors.Join(err, s.pod.DelRoute(r))
				}
			}
			return err
		}, "has no route"},
		{"MAC changed", func(s *scene) error {
			return s.pod.SetLink(s.ifname, kernel.LinkChange{MAC: net.HardwareAddr{2, 0, 0, 0, 0, 9}})
		}, "has MAC 02:00:00:00:00:09"},
		{"MTU changed", func(s *scene) error { return s.pod.SetLink(s.ifname, kernel.LinkChange{MTU: 1300}) }, "has MTU 1300"},
		{"host side gone", func(s *scene) error { return s.host.DelLink(s.link) }, "no such link"},
		{"host side down", func(s *scene) error { return s.host.SetLink(s.link, kernel.LinkChange{Down: true}) }, "is down"},
		{"host side out of its bridge", func(s *scene) error {
			return errors.Join(s.host.AddBridge(kernel.Bridge{Name: "other"}),
				s.host.SetLink(s.link, kernel.LinkChange{Master: s.index(s.host, "other")}))
		}, "not a port of bridge"},
		{"gateway's address gone", func(s *scene) error {
			return s.host.DelAddress(s.index(s.host, s.bridge), netip.MustParsePrefix(s.gateway))
		}, "gateway's address"},
		{"masquerade element gone", func(s *scene) error {
			return kernel.RemoveElements(s.host, func(kernel.Owner) bool { return true })
		}, "lacks the element masquerade"},
	}
}

// CHECK finds every kind of damage to every network of a pod, the one of the runtime and those of the annotation.
func TestCheckFindsDamage(t *testing.T) {
	for _, ifname := range []string{"eth0", "net1"} {
		for _, damage := range damages() {
			t.Run(ifname+"/"+damage.name, func(t *testing.T) {
				eachNode(t, func(t *testing.T, n *node) { checkFinds(t, n, ifname, damage) })
			})
		}
	}
}

func checkFinds(t *testing.T, n *node, ifname string, damage damage) {
	config := n.network("bra0", "10.10.0.0/24", `,"isGateway":true,"ipMasq":true`)
	n.nad(t, "neta", strings.Replace(config, `"ranges"`, `"routes":[{"dst":"10.77.0.0/16"}],"ranges"`, 1))
	n.pod(t, "web", "neta")
	netns := n.world.Netns(t)
	call := func(command string) (string, bool) {
		r := n.request(command, "c1", netns, "web")
		r.Config = []byte(strings.Replace(string(r.Config), `"isDefaultGateway":true`, `"isDefaultGateway":true,"ipMasq":true`, 1))
		answer := n.Handle(t.Context(), r)
		return string(answer.Output), !answer.Failed
	}
	for _, command := range []string{"ADD", "CHECK"} {
		if out, ok := call(command); !ok {
			t.Fatalf("%s: %s", command, out)
		}
	}
	s := &scene{host: n.open(t, ""), pod: n.open(t, netns), ifname: ifname, link: kernel.LinkName("c1", ifname)}
	s.bridge, s.address, s.gateway, s.dest = "brd0", "10.1.0.2/24", "10.1.0.1/24", "0.0.0.0/0"
	if ifname != "eth0" {
		s.bridge, s.address, s.gateway, s.dest = "bra0", "10.10.0.2/24", "10.10.0.1/24", "10.77.0.0/16"
	}
	if err := damage.do(s); err != nil {
		t.Fatal(err)
	}
	out, ok := call("CHECK")
	if ok || !strings.Contains(out, damage.want) || !strings.Contains(out, `on `+ifname) {
		t.Errorf("CHECK answered %s, want %q of %s", out, damage.want, ifname)
	}
	if out, ok := call("DEL"); !ok {
		t.Errorf("DEL afterwards: %s", out)
	}
}

// open opens a network namespace until the test ends; "" is the host's.
func (n *node) open(t *testing.T, path string) kernel.Netns {
	t.Helper()
	open := n.Kernel.Host
	if path != "" {
		open = func() (kernel.Netns, error) { return n.Kernel.Open(path) }
	}
	ns, err := open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ns.Close() })
	return ns
}

func TestCheckOfAnUnknownContainer(t *testing.T) {
	eachNode(t, func(t *testing.T, n *node) {
		if out, ok := n.call("CHECK", "c9", n.world.Netns(t), "web"); ok || !strings.Contains(out, `"code":3`) {
			t.Errorf("CHECK answered %s", out)
		}
	})
}
