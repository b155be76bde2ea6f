package kube

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// WaitRunning waits until every container of a pod is ready, and returns the pod. Its error describes the pod.
func (c *Client) WaitRunning(ctx context.Context, namespace, name string) (*corev1.Pod, error) {
	var pod *corev1.Pod
	err := until(ctx, func(ctx context.Context) (done bool, err error) {
		pod, err = c.CoreV1().Pods(namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		if pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded {
			return false, fmt.Errorf("the pod has ended: %s", pod.Status.Phase)
		}
		return pod.Status.Phase == corev1.PodRunning && podCondition(pod, corev1.ContainersReady), nil
	})
	if err != nil {
		return nil, fmt.Errorf("wait for pod %s/%s to run: %w\n%s", namespace, name, err, c.describeLate(ctx, namespace, name))
	}
	return pod, nil
}

// WaitGone waits until a pod is no longer in the API. Its error describes the pod.
func (c *Client) WaitGone(ctx context.Context, namespace, name string) error {
	err := until(ctx, func(ctx context.Context) (bool, error) {
		_, err := c.CoreV1().Pods(namespace).Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return true, nil
		}
		return false, err
	})
	if err != nil {
		return fmt.Errorf("wait for pod %s/%s to go: %w\n%s", namespace, name, err, c.describeLate(ctx, namespace, name))
	}
	return nil
}

// WaitEvent waits for an event of a pod whose message contains text, and returns the message.
func (c *Client) WaitEvent(ctx context.Context, namespace, name, text string) (string, error) {
	var found string
	err := until(ctx, func(ctx context.Context) (bool, error) {
		events, err := c.events(ctx, namespace, name)
		for _, e := range events {
			if strings.Contains(e.Message, text) {
				found = e.Message
			}
		}
		return found != "", err
	})
	if err != nil {
		late := c.describeLate(ctx, namespace, name)
		return "", fmt.Errorf("wait for an event of pod %s/%s with %q: %w\n%s", namespace, name, text, err, late)
	}
	return found, nil
}

// WaitNodes waits until n nodes are known and accepted says yes to each.
func (c *Client) WaitNodes(ctx context.Context, n int, what string, accepted func(*corev1.Node) bool) ([]corev1.Node, error) {
	var nodes []corev1.Node
	err := until(ctx, func(ctx context.Context) (bool, error) {
		list, err := c.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
		if err != nil {
			return false, err
		}
		nodes = list.Items
		good := 0
		for i := range nodes {
			if accepted(&nodes[i]) {
				good++
			}
		}
		return good == n, nil
	})
	if err != nil {
		return nil, fmt.Errorf("wait for %d nodes to be %s: %w%s", n, what, err, describeNodes(nodes))
	}
	return nodes, nil
}

// NodeReady is what WaitNodes is asked for most often.
func NodeReady(node *corev1.Node) bool {
	for _, c := range node.Status.Conditions {
		if c.Type == corev1.NodeReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// WaitServiceAccount waits until pods can be created in a namespace.
func (c *Client) WaitServiceAccount(ctx context.Context, namespace string) error {
	err := until(ctx, func(ctx context.Context) (bool, error) {
		_, err := c.CoreV1().ServiceAccounts(namespace).Get(ctx, "default", metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return false, nil
		}
		return err == nil, err
	})
	if err != nil {
		return fmt.Errorf("wait for the default service account of namespace %s: %w", namespace, err)
	}
	return nil
}

func podCondition(pod *corev1.Pod, kind corev1.PodConditionType) bool {
	for _, c := range pod.Status.Conditions {
		if c.Type == kind {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}
