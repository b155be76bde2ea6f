package pods

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/braid-cni/braid/e2e/cluster"
	"github.com/braid-cni/braid/e2e/suite"
)

// later is a file of another CNI that names braid as its last plugin. Without Braid's own it is the first.
const later = "/etc/cni/net.d/05-later.conflist"

// Braid is the last link of another CNI's chain, in that one's file: eth0 is of the reference plugins and net1 of Braid.
func TestLaterLinkOfAnotherChain(t *testing.T) {
	test := shared.Start(t)
	applyNetworks(test, map[string]any{"linked": bridgeNetwork("br-linked", "10.33.0.0/24", nil)})
	configure(test, keys{"host": keys{"conflist": ""}})
	removeAfter(test, later)
	chain(test)
	removeBridgesAfter(test, "cni0")
	annotations := selecting("linked")
	test.Unchanged(annotations, func(t *suite.Test) {
		ready := readySince(t)
		pods := sandboxes(t, t.RunPods(twoOnEach(t, "linked", annotations)...)...)
		for i, s := range pods {
			if s.record.Chained == nil {
				t.Errorf("pod %s: Braid was given no result of the plugins before it", s.pod.Name)
			}
			s.agrees(t, "eth0", "net1")
			s.madeByAnother(t, "eth0")
			s.hostSide(t, s.record.Attachments[0])
			if ip := s.link(t, "eth0").ips()[0]; ip != s.pod.Status.PodIP {
				t.Errorf("pod %s has address %s, the API server %s", s.pod.Name, ip, s.pod.Status.PodIP)
			}
			other := pods[i^1] // the other of its node
			pings(t, s, other, "eth0", "net1")
		}
		stillReady(t, ready)
	})
}

// chain writes the cluster network's own configuration under another name, with braid as one more plugin, and waits until
// the runtimes use it.
func chain(t *suite.Test) {
	t.Helper()
	for _, n := range t.Nodes {
		content, err := os.ReadFile(n.Path(cluster.BridgeConflist))
		if err != nil {
			t.Fatal(err)
		}
		var list keys
		if err := json.Unmarshal(content, &list); err != nil {
			t.Fatal(err)
		}
		list["plugins"] = append(list["plugins"].([]any), keys{"type": "braid"})
		if content, err = json.Marshal(list); err != nil {
			t.Fatal(err)
		}
		if err := n.WriteFile(later, content); err != nil {
			t.Fatal(err)
		}
		if err := n.WaitUses(t.Ctx, later); err != nil {
			t.Fatal(err)
		}
	}
}
