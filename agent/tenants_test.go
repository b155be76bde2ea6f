package agent

import (
	"strings"
	"testing"
)

// The label of a NAD's namespace decides, not that of the pod's.
func TestTenantsNetworkIsHeldToWhatIsAllowed(t *testing.T) {
	eachNode(t, func(t *testing.T, n *node) {
		n.apply(t, "namespace.yaml", "kind: Namespace\nmetadata: {name: default, labels: {braid.dev/tenant: \"\"}}\n")
		n.nad(t, "neta", n.network("bra0", "10.10.0.0/24", ""))
		n.pod(t, "web", "neta")
		netns := n.world.Netns(t)
		before := n.state(t, netns)
		out, ok := n.call("ADD", "c1", netns, "web")
		for _, want := range []string{`tenants may use plugins [] only`, `bridge: tenants may use [] only, not`} {
			if ok || !strings.Contains(out, want) {
				t.Errorf("ADD answered %s, which lacks %s", out, want)
			}
		}
		if after := n.state(t, netns); after != before {
			t.Errorf("left behind:\n%s\nbefore:\n%s", after, before)
		}
		n.apply(t, "namespace.yaml", "kind: Namespace\nmetadata: {name: default}\n")
		n.mustCall(t, "ADD", "c1", netns, "web")
	})
}

// STATUS plans the default network by the rules of ADD: a built-in plugin needs no permission.
func TestStatusKnowsBuiltinPlugins(t *testing.T) {
	eachNode(t, func(t *testing.T, n *node) {
		n.nad(t, "pods", n.network("brd0", "10.1.0.0/24", ""))
		n.pod(t, "web", "")
		for _, command := range []string{"ADD", "STATUS"} {
			r := n.request(command, "c1", n.world.Netns(t), "web")
			r.Config = []byte(`{"cniVersion":"1.1.0","name":"braid","type":"braid","pathsAllow":["` + n.leases + `"],"pluginsAllow":[],"clusterNetwork":"default/pods"}`)
			if answer := n.Handle(t.Context(), r); answer.Failed {
				t.Errorf("%s: %s", command, answer.Output)
			}
		}
	})
}
