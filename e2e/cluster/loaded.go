package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// WaitUses waits until the node's container runtime uses the CNI configuration that lies at path now. Of several it uses
// one.
func (n *Node) WaitUses(ctx context.Context, path string) error {
	content, err := os.ReadFile(n.Path(path))
	if err != nil {
		return fmt.Errorf("read CNI configuration of %s: %w", n.Name, err)
	}
	return n.waitLoaded(ctx, content)
}

// waitLoaded waits until the node's container runtime uses a CNI configuration: it sees by itself that a file has
// changed, a moment later.
func (n *Node) waitLoaded(ctx context.Context, conflist []byte) error {
	return n.Containerd.waitUntil(ctx, "load the CNI configuration", func(ctx context.Context) bool {
		loaded, err := n.loadedConflists(ctx)
		return err == nil && slices.Contains(loaded, string(conflist))
	})
}

// loadedConflists asks the container runtime which CNI configurations it uses.
func (n *Node) loadedConflists(ctx context.Context) ([]string, error) {
	conn, err := n.dialRuntime()
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	answer, err := cri.NewRuntimeServiceClient(conn).Status(ctx, &cri.StatusRequest{Verbose: true})
	if err != nil {
		return nil, fmt.Errorf("ask containerd of %s for its status: %w", n.Name, err)
	}
	var config struct {
		Networks []struct{ Config struct{ Source string } }
	}
	if err := json.Unmarshal([]byte(answer.Info["cniconfig"]), &config); err != nil {
		return nil, fmt.Errorf("read the CNI status of containerd of %s: %w", n.Name, err)
	}
	var sources []string
	for _, network := range config.Networks {
		sources = append(sources, network.Config.Source)
	}
	return sources, nil
}
