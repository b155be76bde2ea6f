package cluster

import (
	"context"
	"fmt"
	"os"
)

// ImportImage brings an image from an archive on this machine to the node's container runtime.
func (n *Node) ImportImage(ctx context.Context, file string) error {
	return n.importImage(ctx, file)
}

// WaitUses waits until the node's container runtime uses the CNI configuration that lies at path now. Of several it uses
// one.
func (n *Node) WaitUses(ctx context.Context, path string) error {
	content, err := os.ReadFile(n.Path(path))
	if err != nil {
		return fmt.Errorf("read CNI configuration of %s: %w", n.Name, err)
	}
	return n.waitLoaded(ctx, content)
}
