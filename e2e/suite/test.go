package suite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/braid-cni/braid/e2e/cluster"
	"github.com/braid-cni/braid/e2e/kube"
)

// A Test is a test on the shared cluster. Its methods fail it when they cannot do what they say.
type Test struct {
	*testing.T
	*cluster.Cluster
	Ctx context.Context // ends with the test
}

// Sub runs a subtest.
func (t *Test) Sub(name string, f func(t *Test)) {
	t.Helper()
	t.Run(name, func(sub *testing.T) {
		f(&Test{T: sub, Cluster: t.Cluster, Ctx: t.Ctx})
	})
}

// RunPods creates pods, waits until they run, and returns them as they are then. They are deleted with the test.
func (t *Test) RunPods(pods ...*corev1.Pod) []*corev1.Pod {
	t.Helper()
	t.Cleanup(func() {
		if err := t.Kube.DeletePods(context.WithoutCancel(t.Ctx), pods...); err != nil {
			t.Error(err)
		}
	})
	for _, pod := range pods {
		if _, err := t.Kube.Create(t.Ctx, pod); err != nil {
			t.Fatal(err)
		}
	}
	var running []*corev1.Pod
	for _, pod := range pods {
		got, err := t.Kube.WaitRunning(t.Ctx, pod.Namespace, pod.Name)
		if err != nil {
			t.Fatal(err)
		}
		running = append(running, got)
	}
	return running
}

// RunPodOnEach runs one busybox pod on every node, named after the node.
func (t *Test) RunPodOnEach(name string, annotations map[string]string) []*corev1.Pod {
	t.Helper()
	var pods []*corev1.Pod
	for _, n := range t.Nodes {
		pods = append(pods, kube.Busybox(name+"-"+n.Name, n.Name, annotations))
	}
	return t.RunPods(pods...)
}

// Apply applies a manifest, and deletes it with the test.
func (t *Test) Apply(manifest string) {
	t.Helper()
	t.Cleanup(func() {
		if err := t.Kube.Delete(context.WithoutCancel(t.Ctx), []byte(manifest)); err != nil {
			t.Error(err)
		}
	})
	if err := t.Kube.Apply(t.Ctx, []byte(manifest)); err != nil {
		t.Fatal(err)
	}
}

// Exec runs a command in a pod and returns what it wrote to standard output.
func (t *Test) Exec(pod *corev1.Pod, argv ...string) string {
	t.Helper()
	out, err := t.Kube.Exec(t.Ctx, pod.Namespace, pod.Name, argv...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Interfaces are a pod's network interfaces that have an IPv4 address, sorted, without loopback.
func (t *Test) Interfaces(pod *corev1.Pod) []string {
	t.Helper()
	var names []string
	for line := range strings.Lines(t.Exec(pod, "ip", "-o", "-4", "address")) {
		if dev := strings.Fields(line)[1]; dev != "lo" {
			names = append(names, dev)
		}
	}
	slices.Sort(names)
	return names
}

// Unchanged runs f as a subtest, and checks that its pods have left nothing on any node. The baseline is taken after
// first's pods have come and gone, one on each node: with them come things that stay, as a bridge.
func (t *Test) Unchanged(first map[string]string, f func(t *Test)) {
	t.Helper()
	t.UnchangedAfter(func(t *Test) { t.RunPodOnEach("first", first) }, f)
}

// UnchangedAfter is Unchanged for pods that differ in more than annotations: first runs those before the baseline.
func (t *Test) UnchangedAfter(first, f func(t *Test)) {
	t.Helper()
	t.Sub("first", first)
	before := t.settled()
	t.Sub("pods", f)
	// What belongs to a sandbox may go a moment after the pod: a leak stays.
	t.Eventually(func() error { return t.Unlike(before) })
}

// settled returns the snapshots of the nodes once they stay as they are.
func (t *Test) settled() map[string]string {
	t.Helper()
	var last map[string]string
	t.Eventually(func() error {
		before := last
		last = t.Snapshots()
		return unlike(before, last)
	})
	return last
}

// Unlike returns an error that says how the nodes differ from what they were, nil if they do not.
func (t *Test) Unlike(before map[string]string) error {
	t.Helper()
	return unlike(before, t.Snapshots())
}

func unlike(before, after map[string]string) error {
	var errs []error
	for name, now := range after {
		if diff := cluster.Diff(before[name], now); diff != "" {
			errs = append(errs, fmt.Errorf("%s is not as it was:\n%s", name, diff))
		}
	}
	return errors.Join(errs...)
}

// Snapshots returns the snapshot of every node, by name.
func (t *Test) Snapshots() map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, n := range t.Nodes {
		snapshot, err := n.Snapshot(t.Ctx)
		if err != nil {
			t.Fatal(err)
		}
		all[n.Name] = snapshot
	}
	return all
}

// Eventually tries f until it succeeds, for half a minute at most.
func (t *Test) Eventually(f func() error) {
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

// showAgents adds to a test that failed what Braid's agents said last.
func (t *Test) showAgents() {
	if !t.Failed() {
		return
	}
	ctx := context.WithoutCancel(t.Ctx)
	pods, err := t.Kube.CoreV1().Pods(metav1.NamespaceAll).List(ctx, metav1.ListOptions{LabelSelector: "app.kubernetes.io/name=braid"})
	if err != nil {
		t.Logf("list Braid's agents: %v", err)
		return
	}
	lines := int64(40)
	for _, pod := range pods.Items {
		log, err := t.Kube.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, &corev1.PodLogOptions{TailLines: &lines}).DoRaw(ctx)
		t.Logf("the end of what %s said on %s: %v\n%s", pod.Name, pod.Spec.NodeName, err, log)
	}
}
