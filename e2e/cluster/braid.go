package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"

	"github.com/braid-cni/braid/e2e/binaries"
)

const (
	braidSocket   = "/run/braid/braid.sock"
	braidConflist = "/etc/cni/net.d/00-braid.conflist"
)

// InstallBraid builds Braid from the checkout, starts the agent on every node and makes it the nodes' CNI.
// clusterNetwork is that of Braid's configuration: a configuration, a NAD's name, or a path as BridgeConflist.
func (c *Cluster) InstallBraid(ctx context.Context, clusterNetwork any) error {
	if err := binaries.Braid(ctx, c.braidFolder()); err != nil {
		return err
	}
	for _, n := range c.Nodes {
		if err := n.installBraid(ctx); err != nil {
			return err
		}
	}
	// Last: from now on the runtimes ask Braid.
	if err := c.ConfigureBraid(ctx, map[string]any{"clusterNetwork": clusterNetwork}); err != nil {
		return err
	}
	return c.WaitReady(ctx)
}

// ConfigureBraid gives Braid's configuration these keys on every node, in place of those it has. When it returns,
// the runtimes use it for the pods to come.
func (c *Cluster) ConfigureBraid(ctx context.Context, keys map[string]any) error {
	plugin := map[string]any{"type": "braid"}
	maps.Copy(plugin, keys)
	conflist, err := json.Marshal(map[string]any{"cniVersion": "1.1.0", "name": "braid", "plugins": []any{plugin}})
	if err != nil {
		return fmt.Errorf("write Braid's configuration: %w", err)
	}
	for _, n := range c.Nodes {
		if err := n.WriteFile(braidConflist, conflist); err != nil {
			return err
		}
	}
	for _, n := range c.Nodes {
		if err := n.waitLoaded(ctx, conflist); err != nil {
			return err
		}
	}
	return nil
}

func (n *Node) installBraid(ctx context.Context) error {
	door := filepath.Join(n.cluster.braidFolder(), "braid")
	if err := n.CopyProgram(door, "braid", "braid-ipam", "braid-bridge", "braid-overlay", "braid-routed"); err != nil {
		return err
	}
	return n.StartBraid(ctx)
}

// StartBraid starts the node's agent, also after a test has killed it, and waits until it listens.
func (n *Node) StartBraid(ctx context.Context) error {
	p, err := n.Start("braidd", n.braidArgs(), nil)
	if err != nil {
		return err
	}
	n.Braid = p
	return p.waitUntil(ctx, "listen", listening("unix", n.Path(braidSocket)))
}

func (n *Node) braidArgs() []string {
	return []string{
		filepath.Join(n.cluster.braidFolder(), "braidd"),
		"--kubeconfig", n.cluster.Kubeconfig,
		"--node-name", n.Name,
		"--socket", braidSocket,
		"--state", "/var/lib/braid",
	}
}

func (c *Cluster) braidFolder() string { return filepath.Join(c.Dir, "braid") }
