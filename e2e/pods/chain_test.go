package pods

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/braid-cni/braid/e2e/cluster"
	"github.com/braid-cni/braid/e2e/kube"
	"github.com/braid-cni/braid/e2e/suite"
)

const (
	chainPort = 8080  // in the pod
	eth0Port  = 18080 // on the node, by the cluster network
	net1Port  = 18081 // on the node, by the NAD
	chainWord = "through the port"
)

// Chains of binaries of others work as cluster network and as NAD.
func TestThirdPartyChain(t *testing.T) {
	test := shared.Start(t)
	applyNetworks(test, map[string]any{"chain": thirdParty("net1", bridgeNetwork("br-chain", "10.31.0.0/24", keys{"isGateway": true}))})
	configure(test, keys{
		"clusterNetwork": thirdParty("eth0", bridgeNetwork("cni0", "10.30.0.0/24", keys{"isDefaultGateway": true})),
		"builtins":       "never",
	})
	removeBridgesAfter(test, "cni0", "br-chain")
	first := func(t *suite.Test) { t.RunPods(chainPod("first-1", "node1"), chainPod("first-2", "node2")) }
	test.UnchangedAfter(first, func(t *suite.Test) {
		s := sandboxes(t, t.RunPods(chainPod("chain", "node1"))...)[0]
		for _, n := range t.Nodes {
			s.answers(t, n, eth0Port)
			s.answers(t, n, net1Port)
		}
		for _, dev := range []string{"eth0", "net1"} {
			if got := s.run(t, "cat", announce(dev)); got != "2\n" {
				t.Errorf("%s is %q", announce(dev), got)
			}
		}
		s.agrees(t, "eth0", "net1")
		s.madeByOthers(t)
	})
}

// thirdParty is a chain of reference binaries that begins with a bridge.
func thirdParty(ifname string, bridge keys) keys {
	first := maps.Clone(bridge)
	delete(first, "cniVersion")
	sysctl := strings.ReplaceAll(strings.TrimPrefix(announce(ifname), "/proc/sys/"), "/", ".")
	return keys{"cniVersion": "1.1.0", "name": "chain-" + ifname, "plugins": []keys{
		first,
		// masqAll: else the pod would answer by its default route, which is another network's.
		{"type": "portmap", "backend": "nftables", "capabilities": keys{"portMappings": true}, "masqAll": true},
		{"type": "tuning", "sysctl": keys{sysctl: "2"}},
	}}
}

func announce(dev string) string { return "/proc/sys/net/ipv4/conf/" + dev + "/arp_announce" }

// chainPod answers a word on a port, which its node forwards by both networks.
func chainPod(name, node string) *corev1.Pod {
	pod := kube.Busybox(name, node, selecting(fmt.Sprintf(
		`[{"name": "chain", "portMappings": [{"hostPort": %d, "containerPort": %d, "protocol": "tcp"}]}]`, net1Port, chainPort)))
	script := fmt.Sprintf("while true; do echo %s | nc -l -p %d; done", chainWord, chainPort)
	pod.Spec.Containers[0].Command = []string{"sh", "-c", script}
	pod.Spec.Containers[0].Ports = []corev1.ContainerPort{{ContainerPort: chainPort, HostPort: eth0Port}}
	return pod
}

// answers asks a port of the pod's node, from a node, for the pod's word.
func (s *sandbox) answers(t *suite.Test, from *cluster.Node, port int) {
	t.Helper()
	t.Eventually(func() error {
		word, err := from.Exec(t.Ctx, "busybox", "nc", "-w", "2", s.node.IP, fmt.Sprint(port))
		if err == nil && strings.TrimSpace(word) != chainWord {
			err = fmt.Errorf("port %d of %s answers %q to %s", port, s.node.Name, word, from.Name)
		}
		return err
	})
}

// macvlan of the reference plugins works as a NAD: over the node's own link, so that pods of two nodes reach each other.
func TestMacvlan(t *testing.T) {
	test := shared.Start(t)
	applyNetworks(test, map[string]any{"macvlan": keys{
		"cniVersion": "1.1.0", "type": "macvlan", "master": "eth0", "mode": "bridge", "capabilities": keys{"ips": true},
		"ipam": keys{"type": "host-local", "ranges": [][]keys{{{"subnet": "10.32.0.0/24"}}}},
	}})
	test.Unchanged(selecting("macvlan"), func(t *suite.Test) {
		pods := sandboxes(t, t.RunPods(
			macvlanPod("one", "node1", "10.32.0.11"), macvlanPod("two", "node1", "10.32.0.12"), macvlanPod("three", "node2", "10.32.0.13"),
		)...)
		for i, s := range pods {
			l := s.link(t, "net1")
			if want := fmt.Sprintf("10.32.0.%d/24", 11+i); l.Info.Kind != "macvlan" || !slices.Equal(l.prefixes(), []string{want}) {
				t.Errorf("net1 of pod %s is a %s with addresses %q, want %s", s.pod.Name, l.Info.Kind, l.prefixes(), want)
			}
			s.agrees(t, "eth0", "net1")
			pings(t, s, pods[(i+1)%len(pods)], "net1")
		}
	})
}

func macvlanPod(name, node, ip string) *corev1.Pod {
	return kube.Busybox("macvlan-"+name, node, selecting(fmt.Sprintf(`[{"name": "macvlan", "ips": ["%s/24"]}]`, ip)))
}
