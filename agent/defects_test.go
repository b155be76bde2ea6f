package agent

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/braid-cni/braid/store"
)

// What users of the reference plugins v1.9.1 and of libcni v1.3 stumbled over, each with what Braid does instead.
func TestReferenceDefects(t *testing.T) {
	for _, test := range []struct {
		name string
		body func(t *testing.T, n *node)
	}{
		{"bridge leaves the pod's link when the address cannot be had", noAddress},
		{"macvlan, tap, vlan leave their link when they fail", pluginFails},
		{"masquerade outlives a DEL without namespace", masqueradeWithoutNetns},
		{"CHECK of a bridge without addresses always fails", checkWithoutIPAM},
		{"an exhausted range reports ready", exhausted},
		{"DEL without namespace keeps the address", addressWithoutNetns},
		{"a binary that is being written is tried in vain", busyBinary},
		{"mtu and advmss of routes are not applied", routeFields},
		{"every error has code 999", errorCodes},
		{"GC does nothing", collects},
	} {
		t.Run(test.name, func(t *testing.T) { eachNode(t, test.body) })
	}
}

// unchanged makes a call that must fail with that text and change nothing.
func (n *node) unchanged(t *testing.T, netns, want string) {
	t.Helper()
	before := n.state(t, netns)
	if out, ok := n.call("ADD", "c2", netns, "web"); ok || !strings.Contains(out, want) {
		t.Errorf("ADD answered %s, want %s", out, want)
	}
	if after := n.state(t, netns); after != before {
		t.Errorf("left behind:\n%s\nbefore:\n%s", after, before)
	}
}

func noAddress(t *testing.T, n *node) {
	n.nad(t, "neta", n.network("bra0", "10.10.0.0/30", ""))
	n.pod(t, "web", "neta")
	n.mustCall(t, "ADD", "c1", n.world.Netns(t), "web")
	n.unchanged(t, n.world.Netns(t), "has no free address")
}

func pluginFails(t *testing.T, n *node) {
	m := newMisery(t, n)
	fails := strings.Replace(oddPlugin, "ADD) ", "ADD) [ ! -e $here/addfail ] || { echo '{\"code\":7,\"msg\":\"no master\"}'; exit 1; }; ", 1)
	if err := os.WriteFile(filepath.Join(m.bin, "odd"), []byte(fails), 0o755); err != nil {
		t.Fatal(err)
	}
	m.plant(t, "addfail")
	before := m.state(t, m.netns)
	if out, ok := m.cni("ADD", m.netns); ok || !strings.Contains(out, "no master") {
		t.Errorf("ADD answered %s", out)
	}
	if after := m.state(t, m.netns); after != before {
		t.Errorf("left behind:\n%s\nbefore:\n%s", after, before)
	}
	// Its own leftovers are its DEL's, which is owed for an ADD that failed (CNI spec 1.1, section 3).
	if deleted, err := os.ReadFile(filepath.Join(m.bin, "deleted")); err != nil || string(deleted) != "net2\n" {
		t.Errorf("the plugin's DEL was called for %q, %v", deleted, err)
	}
}

func masqueradeWithoutNetns(t *testing.T, n *node) {
	n.nad(t, "neta", n.network("bra0", "10.10.0.0/24", `,"isGateway":true,"ipMasq":true`))
	n.pod(t, "web", "neta")
	before := n.state(t)
	netns := n.world.Netns(t)
	n.mustCall(t, "ADD", "c1", netns, "web")
	if !strings.Contains(n.state(t), "masquerade") {
		t.Fatal("there is no masquerade to lose")
	}
	n.world.Remove(netns)
	n.mustCall(t, "DEL", "c1", "", "web")
	if after := n.state(t); after != before {
		t.Errorf("left behind:\n%s\nbefore:\n%s", after, before)
	}
}

func checkWithoutIPAM(t *testing.T, n *node) {
	n.nad(t, "cable", `{"cniVersion":"1.1.0","type":"bridge","bridge":"brc0"}`)
	n.pod(t, "web", "cable")
	netns := n.world.Netns(t)
	n.mustCall(t, "ADD", "c1", netns, "web")
	n.mustCall(t, "CHECK", "c1", netns, "web")
}

func exhausted(t *testing.T, n *node) {
	small := func(command, container, netns string) (string, bool) {
		r := n.request(command, container, netns, "web")
		r.Config = []byte(strings.Replace(string(r.Config), "10.1.0.0/24", "10.1.0.0/30", 1))
		answer := n.Handle(t.Context(), r)
		return string(answer.Output), !answer.Failed
	}
	n.pod(t, "web", "")
	if out, ok := small("STATUS", "", ""); !ok {
		t.Errorf("with a free address, STATUS answered %s", out)
	}
	if out, ok := small("ADD", "c1", n.world.Netns(t)); !ok {
		t.Fatal(out)
	}
	if out, ok := small("STATUS", "", ""); ok || !strings.Contains(out, `"code":50`) {
		t.Errorf("without one, STATUS answered %s", out)
	}
}

func addressWithoutNetns(t *testing.T, n *node) {
	n.pod(t, "web", "")
	before := n.state(t)
	netns := n.world.Netns(t)
	n.mustCall(t, "ADD", "c1", netns, "web")
	n.mustCall(t, "DEL", "c1", "", "web")
	if after := n.state(t); after != before {
		t.Errorf("left behind:\n%s\nbefore:\n%s", after, before)
	}
}

func busyBinary(t *testing.T, n *node) {
	m := newMisery(t, n)
	writing, err := os.OpenFile(filepath.Join(m.bin, "odd"), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(300*time.Millisecond, func() { writing.Close() })
	m.must(t, "ADD", m.netns)
}

func routeFields(t *testing.T, n *node) {
	n.nad(t, "routes", `{"cniVersion":"1.1.0","type":"bridge","bridge":"brr0","ipam":{"type":"static","addresses":[{"address":"10.10.0.7/24"}],
		"routes":[{"dst":"10.77.0.0/16","gw":"10.10.0.1","mtu":1300,"advmss":1200,"priority":7,"table":100},{"dst":"10.78.0.0/16","scope":253}]}}`)
	n.pod(t, "web", "routes")
	netns := n.world.Netns(t)
	n.mustCall(t, "ADD", "c1", netns, "web")
	state := n.state(t, netns)
	for _, want := range []string{
		"route 10.77.0.0/16 dev net1 via 10.10.0.1 table 100 metric 7 mtu 1300 advmss 1200", "route 10.78.0.0/16 dev net1 scope 253",
	} {
		if !strings.Contains(state, want) {
			t.Errorf("the kernel lacks %q:\n%s", want, state)
		}
	}
}

func errorCodes(t *testing.T, n *node) {
	n.pod(t, "web", "")
	netns := n.world.Netns(t)
	for _, test := range []struct {
		name, config, container, netns string
		code                           int
	}{
		{"version", `{"cniVersion":"9.9.9","name":"braid","type":"braid"}`, "c1", netns, 1},
		{"container ID", n.config(), "../c1", netns, 4},
		{"no JSON", `{`, "c1", netns, 6},
		{"configuration", `{"cniVersion":"1.1.0","name":"braid","type":"braid"}`, "c1", netns, 7},
		{"namespace", n.config(), "c1", "/run/netns/none", 8},
		{"a file that may come", `{"cniVersion":"1.1.0","name":"braid","type":"braid","timeout":"1ms","clusterNetwork":"/nowhere"}`, "c1", netns, 11},
	} {
		r := n.request("ADD", test.container, test.netns, "web")
		r.Config = []byte(test.config)
		answer := n.Handle(t.Context(), r)
		if want := fmt.Sprintf(`"code":%d,`, test.code); !answer.Failed || !strings.Contains(string(answer.Output), want) {
			t.Errorf("%s: %s, want %s", test.name, answer.Output, want)
		}
	}
}

// collects loses a record together with its attachment's configuration: GC of the network is all that is left.
func collects(t *testing.T, n *node) {
	n.pod(t, "web", "")
	before := n.state(t)
	n.mustCall(t, "ADD", "c1", n.world.Netns(t), "web")
	if err := n.Store.Forget(store.Key("c1", "eth0")); err != nil {
		t.Fatal(err)
	}
	r := n.request("GC", "", "", "")
	r.Config = []byte(strings.Replace(string(r.Config), "{", `{"cni.dev/valid-attachments":[],`, 1))
	if answer := n.Handle(t.Context(), r); answer.Failed {
		t.Fatal(string(answer.Output))
	}
	if after := n.state(t); after != before {
		t.Errorf("left behind:\n%s\nbefore:\n%s", after, before)
	}
}
