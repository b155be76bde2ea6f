package kube

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/remotecommand"
)

// Exec runs a command in a pod's first container, by way of API server and kubelet, and returns what it wrote to
// standard output. Its error has what it wrote to standard error.
func (c *Client) Exec(ctx context.Context, namespace, pod string, argv ...string) (string, error) {
	var stdout, stderr bytes.Buffer
	err := c.exec(ctx, namespace, pod, argv, remotecommand.StreamOptions{Stdout: &stdout, Stderr: &stderr})
	if err != nil {
		return stdout.String(), fmt.Errorf("exec %q in pod %s/%s: %w\n%s%s",
			strings.Join(argv, " "), namespace, pod, err, &stdout, &stderr)
	}
	return stdout.String(), nil
}

func (c *Client) exec(ctx context.Context, namespace, pod string, argv []string, streams remotecommand.StreamOptions) error {
	url := c.CoreV1().RESTClient().Post().Resource("pods").Namespace(namespace).Name(pod).SubResource("exec").
		VersionedParams(&corev1.PodExecOptions{Command: argv, Stdout: true, Stderr: true}, scheme.ParameterCodec).URL()
	executor, err := remotecommand.NewWebSocketExecutor(c.Config, "GET", url.String())
	if err != nil {
		return err
	}
	return executor.StreamWithContext(ctx, streams)
}
