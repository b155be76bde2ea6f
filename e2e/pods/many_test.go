package pods

import (
	"testing"

	"github.com/braid-cni/braid/e2e/suite"
)

// Twenty pods at once, each with two networks beside the cluster's.
func TestTwentyPodsAtOnce(t *testing.T) {
	test := shared.Start(t)
	applyNetworks(test, map[string]any{
		"many-a": bridgeNetwork("br-many-a", "10.50.0.0/24", nil),
		"many-b": bridgeNetwork("br-many-b", "10.51.0.0/24", nil),
	})
	annotations := selecting("many-a, many-b")
	test.Unchanged(annotations, func(t *suite.Test) {
		all := sandboxes(t, t.RunPods(manyPods(t, "many", 20, annotations)...)...)
		distinct(t, all, "eth0", "net1", "net2")
	})
	test.Eventually(func() error { return nothingStored(test) })
}

// distinct checks that each pod has these interfaces, and no address twice on one node.
func distinct(t *suite.Test, pods []*sandbox, interfaces ...string) {
	t.Helper()
	owner := map[string]string{}
	for _, s := range pods {
		links := s.links(t)
		if len(links) != len(interfaces) {
			t.Errorf("pod %s has %d interfaces, want %q", s.pod.Name, len(links), interfaces)
		}
		for i, l := range links {
			if l.Name != interfaces[i] || len(l.prefixes()) == 0 {
				t.Errorf("pod %s has an interface %s with addresses %q, want %s", s.pod.Name, l.Name, l.prefixes(), interfaces[i])
			}
			for _, prefix := range l.prefixes() {
				key := s.node.Name + " " + l.Name + " " + prefix
				if other := owner[key]; other != "" {
					t.Errorf("%s is of pod %s and of pod %s", key, other, s.pod.Name)
				}
				owner[key] = s.pod.Name
			}
		}
	}
}
