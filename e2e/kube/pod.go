package kube

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/braid-cni/braid/e2e/images"
)

// Busybox is a test pod on a node of the caller's choice ("" lets the scheduler choose), in namespace default.
// It sleeps, and ends at once when it is deleted.
func Busybox(name, node string, annotations map[string]string) *corev1.Pod {
	grace := int64(1)
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: metav1.NamespaceDefault, Annotations: annotations},
		Spec: corev1.PodSpec{
			NodeName:                      node,
			TerminationGracePeriodSeconds: &grace,
			Containers: []corev1.Container{{
				Name: "main", Image: images.BusyboxName, ImagePullPolicy: corev1.PullNever,
			}},
		},
	}
}

// Create creates a pod and returns it as the API server knows it.
func (c *Client) Create(ctx context.Context, pod *corev1.Pod) (*corev1.Pod, error) {
	created, err := c.CoreV1().Pods(pod.Namespace).Create(ctx, pod, metav1.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("create pod %s/%s: %w", pod.Namespace, pod.Name, err)
	}
	return created, nil
}

// DeletePods deletes pods and waits until they are gone, which is after their networks were taken down. Those that
// are gone already are no error.
func (c *Client) DeletePods(ctx context.Context, pods ...*corev1.Pod) error {
	var errs []error
	for _, pod := range pods {
		err := c.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			errs = append(errs, fmt.Errorf("delete pod %s/%s: %w", pod.Namespace, pod.Name, err))
		}
	}
	for _, pod := range pods {
		errs = append(errs, c.WaitGone(ctx, pod.Namespace, pod.Name))
	}
	return errors.Join(errs...)
}

// Annotation returns one annotation of a pod, "" when it has none of that key.
func (c *Client) Annotation(ctx context.Context, namespace, name, key string) (string, error) {
	pod, err := c.CoreV1().Pods(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return "", fmt.Errorf("get pod %s/%s: %w", namespace, name, err)
	}
	return pod.Annotations[key], nil
}
