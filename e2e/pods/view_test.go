package pods

import (
	"context"
	"errors"
	"testing"

	nadv1 "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	braid "github.com/braid-cni/braid/cluster"
	braidkube "github.com/braid-cni/braid/cluster/kube"
	"github.com/braid-cni/braid/e2e/kube"
	"github.com/braid-cni/braid/e2e/suite"
)

// view is the cluster as an agent of that node sees it.
func view(t *suite.Test, node string) *braidkube.Cluster {
	t.Helper()
	v, err := braidkube.New(t.Kube.Config, node)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Ctx)
	done := make(chan error, 1)
	go func() { done <- v.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Eventually(func() error {
		if !v.Synced() {
			return errNotSynced
		}
		return nil
	})
	return v
}

var errNotSynced = errors.New("the caches are not filled")

// unscheduled is a pod that no node takes.
func unscheduled(name string) *corev1.Pod {
	pod := kube.Busybox(name, "", map[string]string{"example.com/which": name})
	pod.Spec.SchedulingGates = []corev1.PodSchedulingGate{{Name: "example.com/never"}}
	return pod
}

// A pod that will never be in the cache is asked for live, by UID.
func TestViewFindsAPodThatIsNotInTheCache(t *testing.T) {
	test := shared.Start(t)
	v := view(test, "node2")
	pod := createPod(test, unscheduled("not-cached"))
	got, err := v.Pod(test.Ctx, pod.Namespace, pod.Name, string(pod.UID))
	if err != nil || got.UID != string(pod.UID) || got.Annotations["example.com/which"] != pod.Name {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := v.Pod(test.Ctx, pod.Namespace, pod.Name, "of-another-pod"); !errors.Is(err, braid.ErrNotFound) {
		t.Errorf("a pod with another UID: %v", err)
	}
	if _, err := v.Pod(test.Ctx, pod.Namespace, "missing", ""); !errors.Is(err, braid.ErrNotFound) {
		t.Errorf("a pod that is not there: %v", err)
	}
	if _, err := v.NAD(test.Ctx, pod.Namespace, "missing"); !errors.Is(err, braid.ErrNotFound) {
		t.Errorf("a network that is not there: %v", err)
	}
}

// The status of a pod that is gone must not land on its successor of the same name.
func TestStatusIsForOnePodObject(t *testing.T) {
	test := shared.Start(t)
	v := view(test, "node2")
	first := createPod(test, unscheduled("successor"))
	force(test, first)
	second := createPod(test, unscheduled("successor"))
	old := braid.PodRef{Namespace: first.Namespace, Name: first.Name, UID: string(first.UID)}
	if err := v.PublishStatus(test.Ctx, old, `[{"name":"old"}]`); !errors.Is(err, braid.ErrNotFound) {
		t.Errorf("publish to the pod that is gone: %v", err)
	}
	if got := annotation(test, second); got != "" {
		t.Errorf("the successor has the status %s", got)
	}
	now := braid.PodRef{Namespace: second.Namespace, Name: second.Name, UID: string(second.UID)}
	if err := v.PublishStatus(test.Ctx, now, `[{"name":"new"}]`); err != nil {
		t.Error(err)
	}
	if got := annotation(test, second); got != `[{"name":"new"}]` {
		t.Errorf("the successor has the status %q", got)
	}
}

func annotation(t *suite.Test, pod *corev1.Pod) string {
	t.Helper()
	text, err := t.Kube.Annotation(t.Ctx, pod.Namespace, pod.Name, nadv1.NetworkStatusAnnot)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// force deletes a pod from the API at once, while its sandbox may still be there.
func force(t *suite.Test, pod *corev1.Pod) {
	t.Helper()
	now := int64(0)
	err := t.Kube.CoreV1().Pods(pod.Namespace).Delete(t.Ctx, pod.Name, metav1.DeleteOptions{GracePeriodSeconds: &now})
	if err != nil {
		t.Fatal(err)
	}
	if err := t.Kube.WaitGone(t.Ctx, pod.Namespace, pod.Name); err != nil {
		t.Fatal(err)
	}
}
