package agent

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/braid-cni/braid/kernel"
	"github.com/braid-cni/braid/wire"
)

// inspection asks the agent and writes what is the same in every run.
func (n *node) inspection(t *testing.T, args string) string {
	t.Helper()
	answer := n.Handle(t.Context(), &wire.Request{Version: wire.Version, Program: "braidctl", Command: wire.Inspect, Args: args})
	if answer.Failed {
		t.Fatalf("inspect: %s", answer.Output)
	}
	var got wire.Inspection
	if err := json.Unmarshal(answer.Output, &got); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, c := range got.Containers {
		fmt.Fprintf(&b, "%s/%s %s attached=%t %s\n", c.Namespace, c.Pod, c.ID, c.Attached, c.Status)
		for _, i := range c.Interfaces {
			named := i.HostLink == "" || i.HostLink == kernel.LinkName(c.ID, i.Name)
			fmt.Fprintf(&b, "  %s %s %v mac=%t mtu=%d host=%t ours=%t %s %s\n",
				i.Network, i.Name, i.Addresses, i.MAC != "", i.MTU, i.HostLink != "", named, i.Bridge, i.State)
		}
	}
	return b.String()
}

func TestInspectShowsTheKernel(t *testing.T) {
	eachNode(t, func(t *testing.T, n *node) {
		n.nad(t, "netb", n.network("brb0", "10.11.0.0/24", `,"mtu":1400`))
		n.pod(t, "web", "netb")
		netns := n.world.Netns(t)
		n.mustCall(t, "ADD", "c1", netns, "web")

		want := `default/web c1 attached=true pending
  braid eth0 [10.1.0.2/24] mac=true mtu=1500 host=true ours=true brd0 up
  default/netb net1 [10.11.0.2/24] mac=true mtu=1400 host=true ours=true brb0 up
`
		for _, args := range []string{"", "K8S_POD_NAME=web", "K8S_POD_NAMESPACE=default;K8S_POD_NAME=web"} {
			if got := n.inspection(t, args); got != want {
				t.Errorf("%q: got\n%swant\n%s", args, got, want)
			}
		}
		if got := n.inspection(t, "K8S_POD_NAME=other"); got != "" {
			t.Errorf("another pod: got\n%s", got)
		}
		takeDown(t, n, netns)
		want = strings.Replace(want, "brd0 up", "brd0 down", 1)
		want = strings.Replace(want, "host=true ours=true brb0 up", "host=false ours=true  missing", 1)
		if got := n.inspection(t, ""); got != want {
			t.Errorf("after a fault: got\n%swant\n%s", got, want)
		}
	})
}

// takeDown breaks a container: one interface down, one interface deleted.
func takeDown(t *testing.T, n *node, netns string) {
	t.Helper()
	pod, err := n.Kernel.Open(netns)
	if err != nil {
		t.Fatal(err)
	}
	defer pod.Close()
	if err := pod.SetLink("eth0", kernel.LinkChange{Down: true}); err != nil {
		t.Fatal(err)
	}
	if err := pod.DelLink("net1"); err != nil {
		t.Fatal(err)
	}
}

// What is not of Braid and leads nowhere is left out of the links, and so is everything when one pod is asked for.
func TestInspectShowsTheLinksOfTheNode(t *testing.T) {
	eachNode(t, func(t *testing.T, n *node) {
		n.pod(t, "web", "")
		n.mustCall(t, "ADD", "c1", n.world.Netns(t), "web")
		host, err := n.Kernel.Host()
		if err != nil {
			t.Fatal(err)
		}
		defer host.Close()
		for name, bridge := range map[string]string{"port": "brd0", "alone": ""} {
			neighbour(t, host, name, bridge)
		}
		answer := n.Handle(t.Context(), &wire.Request{Version: wire.Version, Program: "braidctl", Command: wire.Inspect})
		var got wire.Inspection
		if err := json.Unmarshal(answer.Output, &got); err != nil {
			t.Fatal(err)
		}
		shown := map[string]wire.Link{}
		for _, link := range got.Links {
			shown[link.Name] = link
		}
		end := kernel.LinkName("c1", "eth0")
		if l := shown["brd0"]; l.Kind != "bridge" || l.Alias != kernel.BridgeAlias || l.MAC == "" || l.MTU != 1500 || l.State != wire.StateUp {
			t.Errorf("brd0: %+v", l)
		}
		if l := shown[end]; l.Bridge != "brd0" || !strings.HasPrefix(l.Alias, "default/web eth0") || l.State != wire.StateUp {
			t.Errorf("%s: %+v", end, l)
		}
		if shown["port"].Bridge != "brd0" || shown["alone"].Name != "" || len(shown) != 3 {
			t.Errorf("links: %+v", got.Links)
		}
	})
}

// neighbour makes a link that is none of Braid's.
func neighbour(t *testing.T, host kernel.Netns, name, bridge string) {
	t.Helper()
	v := kernel.Veth{Name: name, MAC: kernel.RandomMAC(), Peer: name + "-far", PeerMAC: kernel.RandomMAC(), Up: true}
	if bridge != "" {
		master, err := host.Link(bridge)
		if err != nil {
			t.Fatal(err)
		}
		v.Master = master.Index
	}
	if err := kernel.AddVeth(host, v); err != nil {
		t.Fatal(err)
	}
}
