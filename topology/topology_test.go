package topology

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/braid-cni/braid/wire"
)

// world is two nodes with all that a picture can hold: three networks, a pod on no bridge, a broken interface, a tunnel
// on a bridge, a container of no pod, names that need quoting; and a node where nothing is.
func world() []*wire.Inspection {
	first := &wire.Inspection{Node: "node-1", Links: []wire.Link{
		{Name: "uplink", Kind: "veth", MAC: "02:00:00:00:01:01", MTU: 1500, Addresses: []string{"172.30.0.1/24"}, State: wire.StateUp},
		{Name: "wg0", Kind: "wireguard", MTU: 1420, Addresses: []string{"10.99.0.1/24"}, State: wire.StateUp},
		{Name: "brx-a", Kind: "vxlan", Bridge: "br-a", MAC: "02:00:00:00:01:02", MTU: 1450, State: wire.StateUp},
	}}
	for _, b := range []string{"br-b", "br-a", "braid0"} {
		first.Links = append(first.Links, wire.Link{Name: b, Kind: "bridge", MAC: "02:00:00:00:02:01", MTU: 1500, Alias: "made by braid", State: wire.StateUp})
	}
	first.Links[5].Addresses = []string{"10.244.1.1/24"}
	for i, name := range []string{"web-2", "web-1"} {
		add(first, name, iface("cluster", "eth0", "braid0", 10*i), iface("default/neta", "net1", "br-a", 10*i+1), iface("default/netb", "net2", "br-b", 10*i+2))
	}
	first.Containers[0].Interfaces[1].State = wire.StateDown
	odd := iface(`default/<"&\|{}>`, `e"<&\`, "", 40)
	odd.HostLink, odd.Addresses = "", []string{"fd00:10:244:1::9/64", "10.3.0.9/16"}
	add(first, "odd", iface("cluster", "eth0", "braid0", 39), odd)
	second := &wire.Inspection{Node: "node-2"}
	add(second, "", wire.Interface{Network: "cluster", Name: "eth0", Default: true, State: wire.StateMissing})
	second.Containers[0].Attached = false
	return []*wire.Inspection{first, second, {}}
}

func iface(network, name, bridge string, number int) wire.Interface {
	return wire.Interface{
		Network: network, Name: name, Default: network == "cluster", Addresses: []string{fmt.Sprintf("10.244.1.%d/24", number+2)},
		MAC: fmt.Sprintf("02:00:00:00:03:%02x", number), MTU: 1500, HostLink: fmt.Sprintf("braid%010d", number), Bridge: bridge, State: wire.StateUp,
	}
}

// add adds a pod with the host's ends of its interfaces.
func add(n *wire.Inspection, pod string, interfaces ...wire.Interface) {
	c := wire.Container{ID: strings.Repeat("0123456789abcdef", 4), Pod: pod, Namespace: "default", Attached: true, Interfaces: interfaces}
	n.Containers = append(n.Containers, c)
	for _, i := range interfaces {
		if i.HostLink != "" {
			n.Links = append(n.Links, wire.Link{
				Name: i.HostLink, Kind: "veth", MAC: strings.Replace(i.MAC, "03:", "04:", 1), MTU: i.MTU,
				Alias: "default/" + pod + " " + i.Name + " " + i.Network, Bridge: i.Bridge, State: wire.StateUp,
			})
		}
	}
}

// golden compares with a file of testdata, which BRAID_GOLDEN=write renews.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv("BRAID_GOLDEN") == "write" {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
	}
}

func drawn(t *testing.T, inspections []*wire.Inspection, draw func(*Topology, *strings.Builder) error) string {
	t.Helper()
	var b strings.Builder
	if err := draw(New(inspections), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func tree(top *Topology, b *strings.Builder) error { return top.Tree(b) }

func TestTree(t *testing.T) { golden(t, "tree.txt", drawn(t, world(), tree)) }

// However an agent sorts what it says, the picture is the same.
func TestOrderIsOurs(t *testing.T) {
	want := drawn(t, world(), tree)
	turned := world()
	for _, inspection := range turned {
		slices.Reverse(inspection.Links)
		slices.Reverse(inspection.Containers)
	}
	if got := drawn(t, turned, tree); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// An agent that says nothing of the host's links gives a picture with what it says of interfaces.
func TestWithoutLinks(t *testing.T) {
	inspections := world()[:1]
	inspections[0].Links = nil
	got := drawn(t, inspections, tree)
	for _, want := range []string{"bridge braid0\n", "braid0000000000 ── default/web-2 eth0"} {
		if !strings.Contains(got, want) {
			t.Errorf("the tree lacks %q:\n%s", want, got)
		}
	}
}

func TestDot(t *testing.T) {
	golden(t, "graph.dot", drawn(t, world(), func(top *Topology, b *strings.Builder) error { return top.Dot(b) }))
}
