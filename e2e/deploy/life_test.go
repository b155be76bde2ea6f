package deploy

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"

	"github.com/braid-cni/braid/e2e/cluster"
	"github.com/braid-cni/braid/e2e/install"
	"github.com/braid-cni/braid/e2e/kube"
	"github.com/braid-cni/braid/e2e/probe"
	"github.com/braid-cni/braid/e2e/suite"
)

// trio are two pods on the first node and one on the second, which see each other by eth0 and, on a node, by net1.
func trio(t *suite.Test, name string) []*corev1.Pod {
	t.Helper()
	first, second := t.Nodes[0].Name, t.Nodes[1].Name
	return t.RunPods(probing(name+"-a", first, "neta, netb"), probing(name+"-b", first, "neta, netb"), probing(name+"-c", second, "neta, netb"))
}

func watchAll(t *suite.Test, pods []*corev1.Pod, lasting time.Duration) []*watch {
	t.Helper()
	return []*watch{
		begin(t, pods[0], pods[1], "eth0", 7001, lasting),
		begin(t, pods[0], pods[1], "net1", 7002, lasting),
		begin(t, pods[0], pods[2], "eth0", 7003, lasting),
	}
}

// Agents are replaced one after another: no packet is lost, no pod fails to start, the CNI configuration is not touched.
func TestRollingRestart(t *testing.T) {
	test := shared.Start(t)
	test.Apply(networks)
	pods := trio(test, "traffic")
	before := agents(test)
	files := map[string]os.FileInfo{}
	for _, n := range test.Nodes {
		files[n.Name] = stat(test, n)
	}
	const lasting = 25 * time.Second
	watches := watchAll(test, pods, lasting)
	mustKubectl(test, "-n", "braid-system", "rollout", "restart", "daemonset/braid-agent")
	done := make(chan error, 1)
	begun := time.Now()
	go func() {
		_, err := install.Kubectl(test.Ctx, test.Cluster, "-n", "braid-system", "rollout", "status", "daemonset/braid-agent", "--timeout=90s")
		done <- err
	}()
	started := startPods(test, done)
	t.Logf("%d pods started during the restart, which took %s", started, time.Since(begun).Round(time.Second/10))
	for _, w := range watches {
		w.finish(test, int(lasting/probe.Rarely))
	}
	for _, pod := range agents(test) {
		if slices.ContainsFunc(before, func(p corev1.Pod) bool { return p.UID == pod.UID }) {
			t.Errorf("agent %s was not replaced", pod.Name)
		}
	}
	for _, n := range test.Nodes {
		if !os.SameFile(files[n.Name], stat(test, n)) {
			t.Errorf("%s: the CNI configuration was rewritten", n.Name)
		}
	}
}

func stat(t *suite.Test, n *cluster.Node) os.FileInfo {
	t.Helper()
	info, err := os.Stat(n.Path(conflist))
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// startPods starts one pod after another, on each node in turn, until done. None of their sandboxes may fail.
func startPods(t *suite.Test, done <-chan error) (started int) {
	t.Helper()
	for {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			return started
		default:
		}
		node := t.Nodes[started%len(t.Nodes)].Name
		pod := t.RunPods(kube.Busybox(fmt.Sprintf("meanwhile-%d", started), node, selecting("neta, netb")))[0]
		interfaces(t, pod, "eth0", "net1", "net2")
		selector := fields.Set{"involvedObject.uid": string(pod.UID), "type": corev1.EventTypeWarning}.AsSelector().String()
		events, err := t.Kube.CoreV1().Events(pod.Namespace).List(t.Ctx, metav1.ListOptions{FieldSelector: selector})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events.Items {
			t.Errorf("pod %s on %s: %s: %s", pod.Name, node, e.Reason, e.Message)
		}
		started++
	}
}

// However Braid is removed, running pods stay connected, the CNI from before counts again, and new pods start with it.
func TestRemoval(t *testing.T) {
	for name, args := range map[string][]string{
		"everything": {"delete", "-k", "deploy/"},
		"agent":      {"delete", "-k", "deploy/agent"},
		"namespace":  {"delete", "namespace", "braid-system"},
		"DaemonSet":  {"-n", "braid-system", "delete", "daemonset", "braid-agent"},
	} {
		t.Run(name, func(t *testing.T) {
			test := shared.Start(t)
			test.Apply(networks)
			t.Cleanup(func() { reinstall(test) })
			pods := trio(test, "stays")
			const lasting = 25 * time.Second
			watches := watchAll(test, pods, lasting)
			begun := time.Now()
			mustKubectl(test, args...)
			t.Logf("%s: %s", strings.Join(args, " "), time.Since(begun).Round(time.Second/10))
			for _, n := range test.Nodes {
				if err := install.Absent(test.Ctx, n, conflist); err != nil {
					t.Error(err)
				}
				if err := n.WaitUses(test.Ctx, cluster.BridgeConflist); err != nil {
					t.Error(err)
				}
			}
			if err := test.WaitReady(test.Ctx); err != nil {
				t.Error(err)
			}
			for _, pod := range test.RunPodOnEach("after", selecting("neta")) {
				if out := test.Exec(pod, "ip", "-o", "link"); !strings.Contains(out, "eth0") || strings.Contains(out, "net1") {
					t.Errorf("pod %s has %s", pod.Name, out)
				}
			}
			for _, w := range watches {
				w.finish(test, int(lasting/probe.Rarely))
			}
		})
	}
}

func reinstall(t *suite.Test) {
	t.Helper()
	if err := install.Apply(context.WithoutCancel(t.Ctx), t.Cluster, install.Folder, conflist); err != nil {
		t.Error(err)
	}
}

// Where no other CNI is, Braid's bridge connects pods; when one comes, Braid chains with it.
func TestWithoutAnotherCNI(t *testing.T) {
	test := shared.Start(t)
	mustKubectl(test, "delete", "-k", "deploy/agent")
	t.Cleanup(func() { reinstall(test) })
	others := map[string][]byte{}
	for _, n := range test.Nodes {
		content, err := os.ReadFile(n.Path(cluster.BridgeConflist))
		if err == nil {
			err = os.Remove(n.Path(cluster.BridgeConflist))
		}
		if err != nil {
			t.Fatal(err)
		}
		others[n.Name] = content
		t.Cleanup(func() { n.WriteFile(cluster.BridgeConflist, content) })
		// The reference plugin leaves its bridge, with the gateways' addresses.
		if _, err := n.Exec(test.Ctx, "sh", "-c", "ip link delete cni0 || true"); err != nil {
			t.Fatal(err)
		}
	}
	if err := install.Apply(test.Ctx, test.Cluster, install.Folder, conflist); err != nil {
		t.Fatal(err)
	}
	onBridge(test)
	for _, n := range test.Nodes {
		if err := n.WriteFile(cluster.BridgeConflist, others[n.Name]); err != nil {
			t.Fatal(err)
		}
		test.Eventually(func() error {
			text, err := os.ReadFile(n.Path(conflist))
			if err == nil && !strings.Contains(string(text), `"clusterNetwork": "/etc/cni/net.d"`) {
				err = fmt.Errorf("%s does not chain: %s", n.Name, text)
			}
			return err
		})
	}
}

// onBridge runs pods on braid0 and sends between those of a node, in both families, and to another node.
func onBridge(t *suite.Test) {
	t.Helper()
	t.Sub("on braid0", func(t *suite.Test) {
		node := t.Nodes[0].Name
		pods := t.RunPods(kube.Busybox("alone-a", node, nil), kube.Busybox("alone-b", node, nil))
		for _, pod := range pods {
			if len(pod.Status.PodIPs) != 2 {
				t.Errorf("pod %s has %v, want both families", pod.Name, pod.Status.PodIPs)
			}
		}
		for _, ip := range pods[1].Status.PodIPs {
			t.Exec(pods[0], "ping", "-c", "2", "-W", "5", ip.IP)
		}
		t.Exec(pods[0], "ping", "-c", "2", "-W", "5", t.Nodes[1].IP)
		out, err := t.Nodes[0].Exec(t.Ctx, "ip", "-o", "link", "show", "master", "braid0")
		if err != nil || strings.Count(out, "\n") != 2 {
			t.Errorf("ports of braid0: %v\n%s", err, out)
		}
	})
}
