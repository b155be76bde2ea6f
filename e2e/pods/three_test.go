package pods

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/braid-cni/braid/e2e/kube"
	"github.com/braid-cni/braid/e2e/suite"
)

// The same ranges are on both nodes, each with addresses for two pods: those of the two nodes have equal addresses, and
// nothing may mind.
func TestThreeNetworks(t *testing.T) {
	test := shared.Start(t)
	applyNetworks(test, map[string]any{
		"three-a": bridgeNetwork("br-three-a", "", keys{"ipam": forTwo("10.14.0")}),
		"three-b": bridgeNetwork("br-three-b", "", keys{"ipam": forTwo("10.15.0"), "mtu": 1400}),
	})
	annotations := selecting("three-a, three-b")
	test.Unchanged(annotations, func(t *suite.Test) {
		pods := sandboxes(t, t.RunPods(twoOnEach(t, "three", annotations)...)...)
		for _, s := range pods {
			s.agrees(t, "eth0", "net1", "net2")
			s.builtIn(t)
			if mtu := s.link(t, "net2").MTU; mtu != 1400 {
				t.Errorf("pod %s: net2 has MTU %d, want 1400", s.pod.Name, mtu)
			}
		}
		for i := 0; i < len(pods); i += 2 {
			pings(t, pods[i], pods[i+1], "eth0", "net1", "net2")
			pings(t, pods[i+1], pods[i], "eth0", "net1", "net2")
		}
		for _, dev := range []string{"net1", "net2"} {
			first, second := addresses(t, dev, pods[:2]), addresses(t, dev, pods[2:])
			if !slices.Equal(first, second) {
				t.Errorf("%s: the nodes gave %q and %q, want the same", dev, first, second)
			}
		}
	})
}

// forTwo is a range of two addresses, in a subnet named by its first three bytes.
func forTwo(subnet string) keys {
	return keys{"type": "host-local", "ranges": [][]keys{{{
		"subnet": subnet + ".0/24", "rangeStart": subnet + ".10", "rangeEnd": subnet + ".11",
	}}}}
}

// twoOnEach are two pods on every node, those of a node side by side.
func twoOnEach(t *suite.Test, name string, annotations map[string]string) (pods []*corev1.Pod) {
	for _, n := range t.Nodes {
		for _, which := range []string{"a", "b"} {
			pods = append(pods, kube.Busybox(name+"-"+which+"-"+n.Name, n.Name, annotations))
		}
	}
	return pods
}

func addresses(t *suite.Test, dev string, pods []*sandbox) (all []string) {
	t.Helper()
	for _, s := range pods {
		all = append(all, s.link(t, dev).prefixes()...)
	}
	slices.Sort(all)
	return all
}

// pings sends from one pod to another, over each interface and to every address there, the largest packet that its MTU
// allows: that of the kernel, which agrees with the plan by then.
func pings(t *suite.Test, from, to *sandbox, interfaces ...string) {
	t.Helper()
	for _, dev := range interfaces {
		l := to.link(t, dev)
		if len(l.ips()) == 0 {
			t.Errorf("pod %s has no address on %s", to.pod.Name, dev)
		}
		for _, ip := range l.ips() {
			headers := 28 // IPv4 and ICMP
			if strings.Contains(ip, ":") {
				headers = 48
			}
			t.Exec(from.pod, "ping", "-I", dev, "-c", "2", "-i", "0.1", "-W", "5", "-s", strconv.Itoa(l.MTU-headers), ip)
		}
	}
}
