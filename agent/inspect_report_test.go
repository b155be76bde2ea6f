package agent

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/braid-cni/braid/kernel"
	"github.com/braid-cni/braid/wire"
)

// asked is the agent's answer to a question.
func asked[T any](t *testing.T, n *node, command, args string) (answer T) {
	t.Helper()
	r := n.Handle(t.Context(), &wire.Request{Version: wire.Version, Program: "braidctl", Command: command, Args: args, Config: []byte("{}")})
	if r.Failed {
		t.Fatalf("%s: %s", command, r.Output)
	}
	if err := json.Unmarshal(r.Output, &answer); err != nil {
		t.Fatal(err)
	}
	return answer
}

// leased counts the lease files of a network.
func (n *node) leased(t *testing.T, name string) (count int) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(n.leases, name))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for _, e := range entries {
		if _, err := netip.ParseAddr(e.Name()); err == nil {
			count++
		}
	}
	return count
}

func TestNodeReportCountsWhatIsThere(t *testing.T) {
	eachNode(t, func(t *testing.T, n *node) {
		n.Node, n.Version = "n1", "v1"
		report := asked[wire.NodeReport](t, n, wire.InspectNode, "")
		release, err := os.ReadFile("/proc/sys/kernel/osrelease")
		if err != nil {
			t.Fatal(err)
		}
		if report.Node != "n1" || report.Version != "v1" || report.Kernel != strings.TrimSpace(string(release)) || !report.Ready || !report.Synced {
			t.Errorf("got %+v", report)
		}
		if len(report.Networks)+len(report.Ranges) > 0 || report.ClusterNetwork != nil || !report.Collected.IsZero() || report.Condition != nil {
			t.Errorf("before any call: %+v", report)
		}
		n.nad(t, "neta", n.network("bra0", "10.10.0.0/29", ""))
		n.nad(t, "netb", n.network("brb0", "10.11.0.0/24", `,"mtu":1400`))
		n.pod(t, "web", "neta, netb")
		n.pod(t, "db", "neta")
		n.mustCall(t, "ADD", "c1", n.world.Netns(t), "web")
		n.mustCall(t, "ADD", "c2", n.world.Netns(t), "db")
		report = asked[wire.NodeReport](t, n, wire.InspectNode, "")
		const networks = "[{braid [bridge] 2} {default/neta [bridge] 2} {default/netb [bridge] 1}]"
		if got := fmt.Sprint(report.Networks); got != networks {
			t.Errorf("networks %s, want %s", got, networks)
		}
		ranges := fmt.Sprintf("[{braid 10.1.0.1-10.1.0.254 %d 253} {default/neta 10.10.0.1-10.10.0.6 %d 5} {default/netb 10.11.0.1-10.11.0.254 %d 253}]",
			n.leased(t, "braid"), n.leased(t, "neta"), n.leased(t, "netb"))
		if got := fmt.Sprint(report.Ranges); got != ranges || !strings.Contains(got, "10.10.0.6 2 5") {
			t.Errorf("ranges %s, want %s", got, ranges)
		}
		if c := report.ClusterNetwork; c == nil || c.Network != "braid" || fmt.Sprint(c.Plugins) != "[bridge]" || c.Problem != "" {
			t.Errorf("cluster network %+v", c)
		}
		if report.Pending != 2 {
			t.Errorf("%d statuses are pending", report.Pending)
		}
		n.collectNothing(t)
		if report = asked[wire.NodeReport](t, n, wire.InspectNode, ""); report.Collected.IsZero() {
			t.Error("a GC is not remembered")
		}
	})
}

// collectNothing is a GC in which the runtime lists both containers.
func (n *node) collectNothing(t *testing.T) {
	t.Helper()
	r := n.request("GC", "", "", "")
	r.Config = []byte(strings.Replace(string(r.Config), "{", `{"cni.dev/valid-attachments":[{"containerID":"c1","ifname":"eth0"},{"containerID":"c2","ifname":"eth0"}],`, 1))
	if answer := n.Handle(t.Context(), r); answer.Failed {
		t.Fatalf("GC: %s", answer.Output)
	}
}

func TestNetworkReportShowsTheKernel(t *testing.T) {
	eachNode(t, func(t *testing.T, n *node) {
		n.nad(t, "netb", n.network("brb0", "10.11.0.0/24", `,"mtu":1400`))
		n.pod(t, "web", "netb")
		n.mustCall(t, "STATUS", "", "", "") // with which the agent learns what the administrator allows
		report := asked[wire.NetworkReport](t, n, wire.InspectNetwork, "NETWORK=default/netb")
		if report.CNIName != "netb" || fmt.Sprint(report.Plugins) != "[bridge]" || report.MTU != 1400 || len(report.Bridges)+len(report.Containers) > 0 {
			t.Errorf("before any pod: %+v", report)
		}
		n.mustCall(t, "ADD", "c1", n.world.Netns(t), "web")
		for _, name := range []string{"netb", "default/netb"} {
			report = asked[wire.NetworkReport](t, n, wire.InspectNetwork, "NETWORK="+name)
			n.checkNetwork(t, &report, "default/netb", "brb0", "net1")
		}
		report = asked[wire.NetworkReport](t, n, wire.InspectNetwork, "NETWORK=braid")
		n.checkNetwork(t, &report, "braid", "brd0", "eth0")
		if !report.Default || report.Problem != "" {
			t.Errorf("the cluster network: %+v", report)
		}

		if err := os.Remove(filepath.Join(n.dir, "nad-netb.json")); err != nil {
			t.Fatal(err)
		}
		report = asked[wire.NetworkReport](t, n, wire.InspectNetwork, "NETWORK=netb")
		n.checkNetwork(t, &report, "default/netb", "brb0", "net1")
		if !strings.Contains(report.Problem, "no such NetworkAttachmentDefinition") {
			t.Errorf("after it was deleted: %q", report.Problem)
		}
		answer := n.Handle(t.Context(), &wire.Request{Version: wire.Version, Program: "braidctl", Command: wire.InspectNetwork, Args: "NETWORK=nowhere"})
		if !answer.Failed || !strings.Contains(string(answer.Output), "default/nowhere") {
			t.Errorf("a network that is not there: %s", answer.Output)
		}
	})
}

// checkNetwork compares the report of a network on which container c1 has one interface with the kernel.
func (n *node) checkNetwork(t *testing.T, report *wire.NetworkReport, name, bridge, ifname string) {
	t.Helper()
	host, err := n.Kernel.Host()
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	link, err := host.Link(bridge)
	if err != nil {
		t.Fatal(err)
	}
	if report.Name != name || len(report.Bridges) != 1 || len(report.Containers) != 1 || len(report.Containers[0].Interfaces) != 1 {
		t.Fatalf("%s: %+v", name, report)
	}
	if b := report.Bridges[0]; b.Name != bridge || b.MAC != link.MAC.String() || b.MTU != link.MTU {
		t.Errorf("%s: bridge %+v, the kernel has %+v", name, b, link)
	}
	end, err := host.Link(kernel.LinkName("c1", ifname))
	if err != nil {
		t.Fatal(err)
	}
	i := report.Containers[0].Interfaces[0]
	if i.Name != ifname || i.HostLink != end.Name || i.Bridge != bridge || i.MTU != end.MTU || i.State != wire.StateUp {
		t.Errorf("%s: interface %+v, the kernel has %+v", name, i, end)
	}
	if len(report.Ranges) != 1 || report.Ranges[0].Used != 1 {
		t.Errorf("%s: ranges %+v", name, report.Ranges)
	}
}

// What the agent installs counts, also before the runtime has used it; and why it is not installed is said.
func TestNodeReportKnowsTheConfiguration(t *testing.T) {
	eachNode(t, func(t *testing.T, n *node) {
		g := guard(t, map[string]string{"/etc/cni/net.d/10-other.conflist": otherConf}, "", nil)
		n.View, n.Root, n.ConfList = g.board, g.Root, g.ConfList
		report := asked[wire.NodeReport](t, n, wire.InspectNode, "")
		if report.Ready || report.Synced || report.Condition != nil || report.Conflist != "" {
			t.Errorf("before anything is read: %+v", report)
		}
		g.board.mu.Lock()
		g.board.synced = true
		g.board.mu.Unlock()
		g.synced.Store(true)
		eventually(t, "ready", func() bool { return g.Ready() == nil })
		report = asked[wire.NodeReport](t, n, wire.InspectNode, "")
		if !report.Ready || report.Conflist != ourFile || !report.Condition.Status || report.Condition.Reason != "ConflistInstalled" {
			t.Errorf("once it is installed: %+v", report)
		}
		if got := fmt.Sprintf("%+v", *report.ClusterNetwork); got != "{From:/etc/cni/net.d Network:other Plugins:[bridge] Problem:}" {
			t.Errorf("cluster network %s", got)
		}
		g.swap(t, "timeout: never")
		eventually(t, "mistakes", func() bool { return g.Ready() != nil })
		report = asked[wire.NodeReport](t, n, wire.InspectNode, "")
		if report.Ready || !strings.Contains(report.Reason, "never") || report.Condition.Status || report.Condition.Reason != "ConfigurationInvalid" {
			t.Errorf("with mistakes: %+v", report)
		}
	})
}
