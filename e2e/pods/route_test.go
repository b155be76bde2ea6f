package pods

import (
	"slices"
	"testing"

	"github.com/braid-cni/braid/e2e/kube"
	"github.com/braid-cni/braid/e2e/suite"
)

// default-route moves the pod's default route of its family, and leaves that of the other where it is.
func TestDefaultRoute(t *testing.T) {
	test := shared.Start(t)
	applyNetworks(test, map[string]any{"way-out": bridgeNetwork("br-way", "10.40.0.0/24", keys{"isGateway": true})})
	annotations := selecting(`[{"name": "way-out", "default-route": ["10.40.0.1"]}]`)
	test.Unchanged(annotations, func(t *suite.Test) {
		pod := t.RunPods(kube.Busybox("way", "node1", annotations))[0]
		s := sandboxes(t, pod)[0]
		s.agrees(t, "eth0", "net1")
		want := []route{{Dst: "default", Gateway: "10.40.0.1", Dev: "net1"}}
		if have := s.defaults(t, "-4"); !slices.Equal(have, want) {
			t.Errorf("IPv4 default routes are %+v, want %+v", have, want)
		}
		if have := s.defaults(t, "-6"); len(have) != 1 || have[0].Dev != "eth0" {
			t.Errorf("IPv6 default routes are %+v, want one by eth0", have)
		}
		t.Exec(pod, "ping", "-c", "1", "-W", "5", s.node.IP)
	})
}

// defaults are the default routes of a family, by what a person chooses of them.
func (s *sandbox) defaults(t *suite.Test, family string) (all []route) {
	t.Helper()
	for _, r := range s.routes(t, family) {
		if r.Dst == "default" {
			all = append(all, route{Dst: r.Dst, Gateway: r.Gateway, Dev: r.Dev})
		}
	}
	return all
}
