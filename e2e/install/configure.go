package install

import (
	"context"
	"fmt"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/braid-cni/braid/e2e/cluster"
)

const (
	configMap = "braid-config"
	configKey = "config.yaml"
	// mounted is where kubelet keeps an agent's configuration on the node, by the UID of the pod.
	mounted = "/var/lib/kubelet/pods/%s/volumes/kubernetes.io~configmap/config/" + configKey
)

// Configuration returns the AgentConfiguration as it stands in the ConfigMap.
func Configuration(ctx context.Context, c *cluster.Cluster) (string, error) {
	config, err := c.Kube.CoreV1().ConfigMaps(Namespace).Get(ctx, configMap, metav1.GetOptions{})
	if err != nil {
		return "", fmt.Errorf("read the AgentConfiguration: %w", err)
	}
	return config.Data[configKey], nil
}

// Text is an AgentConfiguration with these keys.
func Text(keys map[string]any) (string, error) {
	all := map[string]any{"apiVersion": "config.braid.dev/v1alpha1", "kind": "AgentConfiguration"}
	for key, value := range keys {
		all[key] = value
	}
	text, err := yaml.Marshal(all)
	if err != nil {
		return "", fmt.Errorf("write an AgentConfiguration: %w", err)
	}
	return string(text), nil
}

// Configure writes the AgentConfiguration, and returns when the node's runtimes use what it comes to for the pods to come.
// Every node must have another CNI, if it leaves clusterNetwork to the nodes.
func Configure(ctx context.Context, c *cluster.Cluster, text string) error {
	if err := Deliver(ctx, c, text); err != nil {
		return err
	}
	for _, n := range c.Nodes {
		if err := follow(ctx, n, text); err != nil {
			return err
		}
	}
	return nil
}

// Deliver writes the AgentConfiguration, and returns when kubelet has brought it to every agent.
func Deliver(ctx context.Context, c *cluster.Cluster, text string) error {
	maps := c.Kube.CoreV1().ConfigMaps(Namespace)
	config, err := maps.Get(ctx, configMap, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("read the AgentConfiguration: %w", err)
	}
	config.Data[configKey] = text
	if _, err := maps.Update(ctx, config, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("write the AgentConfiguration: %w", err)
	}
	agents, err := Agents(ctx, c)
	if err != nil {
		return err
	}
	for _, pod := range agents {
		if err := deliver(ctx, c, pod, text); err != nil {
			return err
		}
	}
	return nil
}

// deliver makes kubelet look at the ConfigMap, and again a second later: it may have seen the pod before the ConfigMap.
func deliver(ctx context.Context, c *cluster.Cluster, pod corev1.Pod, text string) error {
	n, err := nodeOf(c, pod)
	if err != nil {
		return err
	}
	file := n.Path(fmt.Sprintf(mounted, pod.UID))
	var touched time.Time
	return until(ctx, "the AgentConfiguration to reach "+n.Name, func() (bool, error) {
		have, err := os.ReadFile(file)
		if err != nil || string(have) == text {
			return true, err
		}
		if time.Since(touched) < time.Second {
			return false, nil
		}
		touched = time.Now()
		return false, touch(ctx, c, pod.Name)
	})
}
