package e2e

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/braid-cni/braid/e2e/cluster"
	"github.com/braid-cni/braid/e2e/kube"
	"github.com/braid-cni/braid/e2e/suite"
)

const namespace = metav1.NamespaceDefault

func TestPods(t *testing.T) {
	shared.Start(t).Unchanged(nil, func(t *suite.Test) {
		pods := t.RunPodOnEach("smoke", nil)
		for i, pod := range pods {
			if pod.Spec.NodeName != t.Nodes[i].Name {
				t.Errorf("%s is on %s, want %s", pod.Name, pod.Spec.NodeName, t.Nodes[i].Name)
			}
			checkPod(t, pod, pods[(i+1)%len(pods)])
		}
	})
}

func checkPod(t *suite.Test, pod, other *corev1.Pod) {
	t.Helper()
	if got := t.Exec(pod, "echo", "hello"); got != "hello\n" {
		t.Errorf("echo in %s wrote %q", pod.Name, got)
	}
	if len(other.Status.PodIPs) != 2 {
		t.Errorf("%s has addresses %v, want one of each family", other.Name, other.Status.PodIPs)
	}
	for _, ip := range other.Status.PodIPs {
		t.Exec(pod, "ping", "-c", "1", "-W", "5", ip.IP)
	}
	// The Service by which an agent in a pod finds the API server.
	t.Exec(pod, "sh", "-c", "nc -w 5 $KUBERNETES_SERVICE_HOST $KUBERNETES_SERVICE_PORT </dev/null")
}

func TestSnapshotSeesAPod(t *testing.T) {
	test := shared.Start(t)
	before := test.Snapshots()
	pod := test.RunPods(kube.Busybox("seen", "node1", nil))[0]
	diff := cluster.Diff(before["node1"], test.Snapshots()["node1"])
	for _, want := range []string{"+ link veth", "+ file /run/netns/cni-", "/networks/pods/" + pod.Status.PodIP} {
		if !strings.Contains(diff, want) {
			t.Errorf("a pod runs, and the snapshot does not show %q:\n%s", want, diff)
		}
	}
}

func TestNetworkAttachmentDefinition(t *testing.T) {
	test := shared.Start(t)
	kind := schema.GroupVersionResource{
		Group: "k8s.cni.cncf.io", Version: "v1", Resource: "network-attachment-definitions",
	}
	nads := test.Kube.Dynamic.Resource(kind).Namespace(namespace)
	test.Sub("applied", func(t *suite.Test) {
		t.Apply(`
apiVersion: k8s.cni.cncf.io/v1
kind: NetworkAttachmentDefinition
metadata: {name: smoke}
spec: {config: '{"type": "bridge"}'}
`)
		if _, err := nads.Get(t.Ctx, "smoke", metav1.GetOptions{}); err != nil {
			t.Error(err)
		}
	})
	if _, err := nads.Get(test.Ctx, "smoke", metav1.GetOptions{}); err == nil {
		t.Error("the network is still there after it was deleted")
	}
}

func TestPodThatCannotRun(t *testing.T) {
	test := shared.Start(t)
	pod := kube.Busybox("imageless", "node1", map[string]string{"example.com/key": "value"})
	pod.Spec.Containers[0].Image = "localhost/missing:1"
	if _, err := test.Kube.Create(test.Ctx, pod); err != nil {
		t.Fatal(err)
	}
	defer test.Kube.DeletePods(test.Ctx, pod)
	if _, err := test.Kube.WaitEvent(test.Ctx, namespace, pod.Name, "localhost/missing:1"); err != nil {
		t.Error(err)
	}
	if got := test.Kube.Describe(test.Ctx, namespace, pod.Name); !strings.Contains(got, "ErrImageNeverPull") {
		t.Errorf("the description does not say why:\n%s", got)
	}
	value, err := test.Kube.Annotation(test.Ctx, namespace, pod.Name, "example.com/key")
	if err != nil || value != "value" {
		t.Errorf("annotation: got %q, %v", value, err)
	}
}

func TestNodeRestart(t *testing.T) {
	test := shared.Start(t)
	node := test.Nodes[0]
	pod := test.RunPods(kube.Busybox("survivor", node.Name, nil))[0]
	for _, p := range []*cluster.Process{node.Kubelet, node.Containerd} {
		if err := p.Kill(); err != nil {
			t.Fatal(err)
		}
	}
	if err := node.StartContainerd(test.Ctx); err != nil {
		t.Fatal(err)
	}
	if err := node.StartKubelet(test.Ctx); err != nil {
		t.Fatal(err)
	}
	// Kubelet listens a moment before it knows its pods again.
	test.Eventually(func() error {
		_, err := test.Kube.Exec(test.Ctx, namespace, pod.Name, "true")
		return err
	})
	after, err := test.Kube.WaitRunning(test.Ctx, namespace, pod.Name)
	if err != nil {
		t.Fatal(err)
	}
	if got := after.Status.ContainerStatuses[0].RestartCount; got != 0 {
		t.Errorf("the container was restarted %d times", got)
	}
}

func TestNodeProcess(t *testing.T) {
	test := shared.Start(t)
	node := test.Nodes[0]
	p, err := node.Start("sleeper", []string{"sh", "-c", "echo $WORD; exec sleep 1000"}, []string{"WORD=hello"})
	if err != nil {
		t.Fatal(err)
	}
	test.Eventually(func() error {
		if got := p.Tail(); got != "hello\n" {
			return fmt.Errorf("log: %q", got)
		}
		return nil
	})
	if err := p.Stop(); err != nil || p.Alive() {
		t.Errorf("stop: %v, alive %v", err, p.Alive())
	}
	out, err := node.Exec(test.Ctx, "ip", "-brief", "address", "show", "dev", "eth0")
	if err != nil || !strings.Contains(out, node.IP) {
		t.Errorf("exec on %s: %q, %v", node.Name, out, err)
	}
	_, err = node.Exec(test.Ctx, "ip", "link", "show", "dev", "missing")
	if err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("exec of a command that fails: %v", err)
	}
}
