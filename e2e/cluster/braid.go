package cluster

import (
	"context"
	"encoding/json"
	"fmt"
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
		if err := n.installBraid(ctx, clusterNetwork); err != nil {
			return err
		}
	}
	return c.WaitReady(ctx)
}

func (n *Node) installBraid(ctx context.Context, clusterNetwork any) error {
	door := filepath.Join(n.cluster.braidFolder(), "braid")
	if err := n.CopyProgram(door, "braid", "braid-ipam", "braid-bridge", "braid-overlay", "braid-routed"); err != nil {
		return err
	}
	if err := n.StartBraid(ctx); err != nil {
		return err
	}
	conflist, err := json.Marshal(map[string]any{
		"cniVersion": "1.1.0", "name": "braid",
		"plugins": []any{map[string]any{"type": "braid", "clusterNetwork": clusterNetwork}},
	})
	if err != nil {
		return fmt.Errorf("write Braid's configuration: %w", err)
	}
	// Last: from now on the runtime asks Braid.
	return n.WriteFile(braidConflist, conflist)
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
