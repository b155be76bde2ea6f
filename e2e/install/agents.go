package install

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/braid-cni/braid/e2e/cluster"
)

const (
	socket = "/run/braid/braid.sock"
	// aside is another name for the image, by which it outlives its own.
	aside = "localhost/braid:aside"
)

// Agents returns the agents' pods, one on each node, and fails when there are more or less.
func Agents(ctx context.Context, c *cluster.Cluster) ([]corev1.Pod, error) {
	list, err := c.Kube.CoreV1().Pods(Namespace).List(ctx, metav1.ListOptions{LabelSelector: "app.kubernetes.io/component=agent"})
	if err != nil {
		return nil, fmt.Errorf("list agents: %w", err)
	}
	if len(list.Items) != len(c.Nodes) {
		return nil, fmt.Errorf("there are %d agents on %d nodes", len(list.Items), len(c.Nodes))
	}
	return list.Items, nil
}

// Kill kills every agent at once, by SIGKILL, and returns when none answers. None starts until Revive.
//
// Kubelet starts a container again as soon as it has ended, and cannot be told not to. Killing what it starts would let
// agents live for moments, in which they answer. But kubelet cannot start what has no image, and no registry has this one.
func Kill(ctx context.Context, c *cluster.Cluster) error {
	agents, err := Agents(ctx, c)
	if err != nil {
		return err
	}
	for _, n := range c.Nodes {
		if err := rename(ctx, n, image, aside); err != nil {
			return err
		}
	}
	for _, pod := range agents {
		if err := kill(ctx, c, pod); err != nil {
			return err
		}
	}
	for _, n := range c.Nodes {
		if err := until(ctx, "the agent of "+n.Name+" to end", func() (bool, error) { return !answers(n), nil }); err != nil {
			return err
		}
	}
	return nil
}

// Revive lets kubelet start agents again that Kill has killed, and returns when they are ready. Without any it does
// nothing.
func Revive(ctx context.Context, c *cluster.Cluster) error {
	for _, n := range c.Nodes {
		there, err := n.HasImage(ctx, image)
		if err == nil && !there {
			err = rename(ctx, n, aside, image)
		}
		if err != nil {
			return err
		}
	}
	agents, err := Agents(ctx, c)
	if err != nil {
		return err
	}
	for _, pod := range agents {
		if err := touch(ctx, c, pod.Name); err != nil {
			return err
		}
		if _, err := c.Kube.WaitRunning(ctx, Namespace, pod.Name); err != nil {
			return err
		}
	}
	return nil
}

// rename returns when kubelet, too, would no longer find the image by its old name.
func rename(ctx context.Context, n *cluster.Node, from, to string) error {
	if _, err := n.Ctr(ctx, "images", "tag", "--force", from, to); err != nil {
		return err
	}
	if _, err := n.Ctr(ctx, "images", "rm", from); err != nil {
		return err
	}
	return until(ctx, from+" to go from "+n.Name, func() (bool, error) {
		there, err := n.HasImage(ctx, from)
		return !there, err
	})
}

func kill(ctx context.Context, c *cluster.Cluster, pod corev1.Pod) error {
	n, err := nodeOf(c, pod)
	if err != nil {
		return err
	}
	id, err := containerID(pod)
	if err != nil {
		return err
	}
	_, err = n.Ctr(ctx, "tasks", "kill", "--signal", "SIGKILL", id)
	return err
}

func nodeOf(c *cluster.Cluster, pod corev1.Pod) (*cluster.Node, error) {
	n := c.Node(pod.Spec.NodeName)
	if n == nil {
		return nil, fmt.Errorf("find the node of agent %s: the cluster has no node %q", pod.Name, pod.Spec.NodeName)
	}
	return n, nil
}

func containerID(pod corev1.Pod) (string, error) {
	for _, status := range pod.Status.ContainerStatuses {
		if _, id, found := strings.Cut(status.ContainerID, "://"); found {
			return id, nil
		}
	}
	return "", fmt.Errorf("find the container of agent %s: there is none", pod.Name)
}

func answers(n *cluster.Node) bool {
	conn, err := net.Dial("unix", n.Path(socket))
	if err == nil {
		conn.Close()
	}
	return err == nil
}

// touch makes kubelet look at a pod now: at its containers, and for what is new in its ConfigMap.
func touch(ctx context.Context, c *cluster.Cluster, pod string) error {
	patch := fmt.Appendf(nil, `{"metadata":{"annotations":{"e2e.braid.dev/touched":"%d"}}}`, time.Now().UnixNano())
	_, err := c.Kube.CoreV1().Pods(Namespace).Patch(ctx, pod, types.MergePatchType, patch, metav1.PatchOptions{})
	if err != nil {
		return fmt.Errorf("touch agent %s: %w", pod, err)
	}
	return nil
}
