package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/braid-cni/braid/e2e/cluster"
	"github.com/braid-cni/braid/e2e/kube"
)

const namespace = metav1.NamespaceDefault

// runPods creates pods, waits until they run, and deletes them with the test.
func runPods(ctx context.Context, t *testing.T, c *cluster.Cluster, pods ...*corev1.Pod) []*corev1.Pod {
	t.Helper()
	t.Cleanup(func() {
		if err := c.Kube.DeletePods(context.WithoutCancel(ctx), pods...); err != nil {
			t.Error(err)
		}
	})
	for _, pod := range pods {
		if _, err := c.Kube.Create(ctx, pod); err != nil {
			t.Fatal(err)
		}
	}
	var running []*corev1.Pod
	for _, pod := range pods {
		got, err := c.Kube.WaitRunning(ctx, pod.Namespace, pod.Name)
		if err != nil {
			t.Fatal(err)
		}
		running = append(running, got)
	}
	return running
}

func runPod(ctx context.Context, t *testing.T, c *cluster.Cluster, pod *corev1.Pod) *corev1.Pod {
	t.Helper()
	return runPods(ctx, t, c, pod)[0]
}

// runPodOnEach runs one pod on every node, named after the node.
func runPodOnEach(ctx context.Context, t *testing.T, c *cluster.Cluster, name string) []*corev1.Pod {
	t.Helper()
	var pods []*corev1.Pod
	for _, n := range c.Nodes {
		pods = append(pods, kube.Busybox(name+"-"+n.Name, n.Name, nil))
	}
	return runPods(ctx, t, c, pods...)
}

// execIn runs a command in a pod and returns what it wrote.
func execIn(ctx context.Context, t *testing.T, c *cluster.Cluster, pod *corev1.Pod, argv ...string) string {
	t.Helper()
	out, err := c.Kube.Exec(ctx, pod.Namespace, pod.Name, argv...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// unchanged runs f as a subtest, and checks that its pods have left nothing on any node. The baseline is taken after
// a first pod has come and gone: with it come things that stay, as a bridge.
func unchanged(ctx context.Context, t *testing.T, c *cluster.Cluster, f func(t *testing.T)) {
	t.Helper()
	t.Run("first", func(t *testing.T) { runPodOnEach(ctx, t, c, "first") })
	before := snapshots(ctx, t, c)
	t.Run("pods", f)
	after := snapshots(ctx, t, c)
	for name := range before {
		if diff := cluster.Diff(before[name], after[name]); diff != "" {
			t.Errorf("%s is not as it was:\n%s", name, diff)
		}
	}
}

// eventually tries f until it succeeds, for half a minute at most.
func eventually(t *testing.T, f func() error) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

func snapshots(ctx context.Context, t *testing.T, c *cluster.Cluster) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, n := range c.Nodes {
		snapshot, err := n.Snapshot(ctx)
		if err != nil {
			t.Fatal(err)
		}
		all[n.Name] = snapshot
	}
	return all
}

func TestPods(t *testing.T) {
	ctx, c := need(t)
	unchanged(ctx, t, c, func(t *testing.T) {
		pods := runPodOnEach(ctx, t, c, "smoke")
		for i, pod := range pods {
			if got := execIn(ctx, t, c, pod, "echo", "hello"); got != "hello\n" {
				t.Errorf("echo in %s wrote %q", pod.Name, got)
			}
			if pod.Spec.NodeName != c.Nodes[i].Name {
				t.Errorf("%s is on %s, want %s", pod.Name, pod.Spec.NodeName, c.Nodes[i].Name)
			}
			for _, ip := range pods[(i+1)%len(pods)].Status.PodIPs {
				execIn(ctx, t, c, pod, "ping", "-c", "1", "-W", "5", ip.IP)
			}
			// The Service by which an agent in a pod finds the API server.
			execIn(ctx, t, c, pod, "sh", "-c", "nc -w 5 $KUBERNETES_SERVICE_HOST $KUBERNETES_SERVICE_PORT </dev/null")
		}
	})
}

func TestSnapshotSeesAPod(t *testing.T) {
	ctx, c := need(t)
	before := snapshots(ctx, t, c)
	pod := runPod(ctx, t, c, kube.Busybox("seen", "node1", nil))
	diff := cluster.Diff(before["node1"], snapshots(ctx, t, c)["node1"])
	for _, want := range []string{"+ link veth", "+ file /run/netns/cni-", "/networks/pods/" + pod.Status.PodIP} {
		if !strings.Contains(diff, want) {
			t.Errorf("a pod runs, and the snapshot does not show %q:\n%s", want, diff)
		}
	}
}

func TestNetworkAttachmentDefinition(t *testing.T) {
	ctx, c := need(t)
	manifest := []byte(`
apiVersion: k8s.cni.cncf.io/v1
kind: NetworkAttachmentDefinition
metadata: {name: smoke}
spec: {config: '{"type": "bridge"}'}
`)
	if err := c.Kube.Apply(ctx, manifest); err != nil {
		t.Fatal(err)
	}
	kind := schema.GroupVersionResource{
		Group: "k8s.cni.cncf.io", Version: "v1", Resource: "network-attachment-definitions",
	}
	nads := c.Kube.Dynamic.Resource(kind).Namespace(namespace)
	if _, err := nads.Get(ctx, "smoke", metav1.GetOptions{}); err != nil {
		t.Error(err)
	}
	if err := c.Kube.Delete(ctx, manifest); err != nil {
		t.Error(err)
	}
	if _, err := nads.Get(ctx, "smoke", metav1.GetOptions{}); err == nil {
		t.Error("the network is still there after it was deleted")
	}
}

func TestPodThatCannotRun(t *testing.T) {
	ctx, c := need(t)
	pod := kube.Busybox("imageless", "node1", map[string]string{"example.com/key": "value"})
	pod.Spec.Containers[0].Image = "localhost/missing:1"
	if _, err := c.Kube.Create(ctx, pod); err != nil {
		t.Fatal(err)
	}
	defer c.Kube.DeletePods(ctx, pod)
	if _, err := c.Kube.WaitEvent(ctx, namespace, pod.Name, "localhost/missing:1"); err != nil {
		t.Error(err)
	}
	if got := c.Kube.Describe(ctx, namespace, pod.Name); !strings.Contains(got, "ErrImageNeverPull") {
		t.Errorf("the description does not say why:\n%s", got)
	}
	value, err := c.Kube.Annotation(ctx, namespace, pod.Name, "example.com/key")
	if err != nil || value != "value" {
		t.Errorf("annotation: got %q, %v", value, err)
	}
}

func TestNodeRestart(t *testing.T) {
	ctx, c := need(t)
	node := c.Nodes[0]
	pod := runPod(ctx, t, c, kube.Busybox("survivor", node.Name, nil))
	for _, p := range []*cluster.Process{node.Kubelet, node.Containerd} {
		if err := p.Kill(); err != nil {
			t.Fatal(err)
		}
	}
	if err := node.StartContainerd(ctx); err != nil {
		t.Fatal(err)
	}
	if err := node.StartKubelet(ctx); err != nil {
		t.Fatal(err)
	}
	if err := c.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	if !node.Kubelet.Alive() {
		t.Fatalf("kubelet does not run:\n%s", node.Kubelet.Tail())
	}
	after, err := c.Kube.WaitRunning(ctx, namespace, pod.Name)
	if err != nil {
		t.Fatal(err)
	}
	if got := after.Status.ContainerStatuses[0].RestartCount; got != 0 {
		t.Errorf("the container was restarted %d times", got)
	}
	// Kubelet listens a moment before it knows its pods again.
	eventually(t, func() error {
		_, err := c.Kube.Exec(ctx, namespace, pod.Name, "true")
		return err
	})
}

func TestNodeProcess(t *testing.T) {
	ctx, c := need(t)
	node := c.Nodes[0]
	p, err := node.Start("sleeper", []string{"sh", "-c", "echo $WORD; exec sleep 1000"}, []string{"WORD=hello"})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		if got := p.Tail(); got != "hello\n" {
			return fmt.Errorf("log: %q", got)
		}
		return nil
	})
	if err := p.Stop(); err != nil || p.Alive() {
		t.Errorf("stop: %v, alive %v", err, p.Alive())
	}
	if out, err := node.Exec(ctx, "ip", "-brief", "address", "show", "dev", "eth0"); err != nil || !strings.Contains(out, node.IP) {
		t.Errorf("exec on %s: %q, %v", node.Name, out, err)
	}
	if _, err := node.Exec(ctx, "ip", "link", "show", "dev", "missing"); err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("exec of a command that fails: %v", err)
	}
}
