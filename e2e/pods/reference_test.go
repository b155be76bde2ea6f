package pods

import (
	"context"
	"strings"
	"testing"

	"github.com/braid-cni/braid/e2e/cluster"
	"github.com/braid-cni/braid/e2e/kube"
	"github.com/braid-cni/braid/e2e/suite"
)

// The reference binaries bridge and host-local, for the same networks, make an equal pod.
func TestEqualToTheReferencePlugins(t *testing.T) {
	test := shared.Start(t)
	applyNetworks(test, map[string]any{
		"ref-a": bridgeNetwork("br-ref-a", "10.20.0.0/24", keys{"isGateway": true}),
		"ref-b": bridgeNetwork("br-ref-b", "10.21.0.0/24", keys{"mtu": 1400}),
	})
	annotations := selecting("ref-a, ref-b")
	var ours []string
	test.Unchanged(annotations, func(t *suite.Test) {
		s := sandboxes(t, t.RunPods(kube.Busybox("ours", "node1", annotations))...)[0]
		s.agrees(t, "eth0", "net1", "net2")
		ours = s.form(t)
	})
	configure(test, keys{"clusterNetwork": cluster.BridgeConflist, "builtins": "never"})
	removeBridgesAfter(test, "cni0", "br-ref-a", "br-ref-b")
	test.Unchanged(annotations, func(t *suite.Test) {
		s := sandboxes(t, t.RunPods(kube.Busybox("theirs", "node1", annotations))...)[0]
		sameForm(t, "of the reference plugins", ours, s.form(t))
		s.agrees(t, "eth0", "net1", "net2")
		s.madeByOthers(t)
	})
}

// madeByOthers checks that the host side of no interface has a name of Braid's.
func (s *sandbox) madeByOthers(t *suite.Test) {
	t.Helper()
	for _, inside := range s.links(t) {
		s.madeByAnother(t, inside.Name)
	}
}

// madeByAnother checks that the host side of an interface has no name of Braid's.
func (s *sandbox) madeByAnother(t *suite.Test, dev string) {
	t.Helper()
	inside := s.link(t, dev)
	for _, l := range s.hostLinks(t) {
		if l.Index == inside.PeerIndex && strings.HasPrefix(l.Name, "braid") {
			t.Errorf("%s of pod %s was made by Braid: %+v", dev, s.pod.Name, l)
		}
	}
}

// removeBridgesAfter removes, at the end of the test, bridges that the reference plugin has made: it never does itself.
func removeBridgesAfter(t *suite.Test, bridges ...string) {
	t.Cleanup(func() {
		for _, n := range t.Nodes {
			for _, bridge := range bridges {
				if _, err := n.Exec(context.WithoutCancel(t.Ctx), "ip", "link", "delete", "dev", bridge); err != nil {
					t.Error(err)
				}
			}
		}
	})
}
