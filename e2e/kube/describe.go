package kube

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
)

// Describe says in a few lines what a person would ask of a pod that does not come up: phase, conditions,
// containers, annotations and events.
func (c *Client) Describe(ctx context.Context, namespace, name string) string {
	var b strings.Builder
	pod, err := c.CoreV1().Pods(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		fmt.Fprintf(&b, "pod: %v\n", err)
	} else {
		describePod(&b, pod)
	}
	events, err := c.events(ctx, namespace, name)
	if err != nil {
		fmt.Fprintf(&b, "events: %v\n", err)
	}
	for _, e := range events {
		fmt.Fprintf(&b, "event %s %s (x%d): %s\n", e.Type, e.Reason, max(e.Count, 1), e.Message)
	}
	return b.String()
}

// describeLate describes a pod when the context of the wait that failed may have ended.
func (c *Client) describeLate(ctx context.Context, namespace, name string) string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return c.Describe(ctx, namespace, name)
}

func describePod(b *strings.Builder, pod *corev1.Pod) {
	fmt.Fprintf(b, "pod %s/%s on %s: %s %s %s %v\n", pod.Namespace, pod.Name, pod.Spec.NodeName,
		pod.Status.Phase, pod.Status.Reason, pod.Status.Message, pod.Status.PodIPs)
	for _, c := range pod.Status.Conditions {
		fmt.Fprintf(b, "condition %s=%s %s %s\n", c.Type, c.Status, c.Reason, c.Message)
	}
	for _, s := range pod.Status.ContainerStatuses {
		fmt.Fprintf(b, "container %s: %s\n", s.Name, containerState(s.State))
	}
	for key, value := range pod.Annotations {
		fmt.Fprintf(b, "annotation %s: %s\n", key, value)
	}
}

func containerState(s corev1.ContainerState) string {
	switch {
	case s.Waiting != nil:
		return "waiting: " + s.Waiting.Reason + " " + s.Waiting.Message
	case s.Terminated != nil:
		return fmt.Sprintf("ended with %d: %s %s", s.Terminated.ExitCode, s.Terminated.Reason, s.Terminated.Message)
	case s.Running != nil:
		return "running"
	}
	return "unknown"
}

func describeNodes(nodes []corev1.Node) string {
	var b strings.Builder
	for _, n := range nodes {
		for _, c := range n.Status.Conditions {
			if c.Type == corev1.NodeReady {
				fmt.Fprintf(&b, "\nnode %s: Ready=%s %s: %s", n.Name, c.Status, c.Reason, c.Message)
			}
		}
	}
	return b.String()
}

func (c *Client) events(ctx context.Context, namespace, pod string) ([]corev1.Event, error) {
	selector := fields.Set{"involvedObject.kind": "Pod", "involvedObject.name": pod}.AsSelector().String()
	list, err := c.CoreV1().Events(namespace).List(ctx, metav1.ListOptions{FieldSelector: selector})
	if err != nil {
		return nil, err
	}
	return list.Items, nil
}
