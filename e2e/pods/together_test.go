package pods

import (
	"context"
	"encoding/json"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/braid-cni/braid/e2e/kube"
	"github.com/braid-cni/braid/e2e/suite"
)

// Pod and network come in one file, the pod first.
func TestPodAppliedTogetherWithItsNetwork(t *testing.T) {
	test := shared.Start(t)
	network := nad("together", bridgeNetwork("br-together", "10.82.0.0/24", nil))
	annotations := selecting("together")
	test.UnchangedAfter(func(t *suite.Test) {
		t.Apply(network)
		t.RunPodOnEach("first", annotations)
	}, func(t *suite.Test) {
		pod := kube.Busybox("together", "node1", annotations)
		t.Cleanup(func() {
			if err := t.Kube.WaitGone(context.WithoutCancel(t.Ctx), pod.Namespace, pod.Name); err != nil {
				t.Error(err)
			}
		})
		t.Apply(manifest(t, pod) + "\n---\n" + network)
		sandboxes(t, running(t, pod))[0].agrees(t, "eth0", "net1")
		noWarnings(t, pod)
	})
}

// manifest is a pod as a person would apply it.
func manifest(t *suite.Test, pod *corev1.Pod) string {
	t.Helper()
	typed := *pod
	typed.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}
	text, err := json.Marshal(typed)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// noWarnings checks that a pod started without a failure on the way.
func noWarnings(t *suite.Test, pod *corev1.Pod) {
	t.Helper()
	events, err := t.Kube.CoreV1().Events(pod.Namespace).List(t.Ctx, metav1.ListOptions{
		FieldSelector: "type=Warning,involvedObject.name=" + pod.Name,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events.Items {
		t.Errorf("pod %s: %s: %s", pod.Name, e.Reason, e.Message)
	}
}
