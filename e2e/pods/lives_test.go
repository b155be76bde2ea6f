package pods

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/braid-cni/braid/e2e/suite"
)

// createPod creates a pod without waiting for it. It is deleted with the test.
func createPod(t *suite.Test, pod *corev1.Pod) *corev1.Pod {
	t.Helper()
	t.Cleanup(func() {
		if err := t.Kube.DeletePods(context.WithoutCancel(t.Ctx), pod); err != nil {
			t.Error(err)
		}
	})
	created, err := t.Kube.Create(t.Ctx, pod)
	if err != nil {
		t.Fatal(err)
	}
	return created
}

// deletePod asks for a pod's end without waiting for it.
func deletePod(t *suite.Test, pod *corev1.Pod) {
	t.Helper()
	err := t.Kube.CoreV1().Pods(pod.Namespace).Delete(t.Ctx, pod.Name, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		t.Fatal(err)
	}
}

// running waits until a pod runs.
func running(t *suite.Test, pod *corev1.Pod) *corev1.Pod {
	t.Helper()
	now, err := t.Kube.WaitRunning(t.Ctx, pod.Namespace, pod.Name)
	if err != nil {
		t.Fatal(err)
	}
	return now
}
