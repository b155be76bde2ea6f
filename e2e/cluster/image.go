package cluster

import (
	"context"
	"fmt"
	"path/filepath"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/braid-cni/braid/e2e/images"
)

// LoadImage writes an image and imports it into the node's container runtime.
func (n *Node) LoadImage(ctx context.Context, img images.Image) error {
	file := n.file("image.tar")
	if err := images.Write(file, img); err != nil {
		return err
	}
	return n.ImportImage(ctx, file)
}

// ImportImage brings an image from an archive on this machine to the node's container runtime.
func (n *Node) ImportImage(ctx context.Context, file string) error {
	_, err := n.Ctr(ctx, "images", "import", file)
	return err
}

// Ctr runs containerd's own command on the node, on what belongs to Kubernetes, and returns its standard output.
func (n *Node) Ctr(ctx context.Context, args ...string) (string, error) {
	ctr := filepath.Join(n.cluster.binaries.Containerd, "ctr")
	return n.Exec(ctx, append([]string{ctr, "--address", containerdSocket, "--namespace", "k8s.io"}, args...)...)
}

// HasImage says whether kubelet would find an image of that name on the node.
func (n *Node) HasImage(ctx context.Context, name string) (bool, error) {
	conn, err := n.dialRuntime()
	if err != nil {
		return false, err
	}
	defer conn.Close()
	answer, err := cri.NewImageServiceClient(conn).ImageStatus(ctx, &cri.ImageStatusRequest{Image: &cri.ImageSpec{Image: name}})
	if err != nil {
		return false, fmt.Errorf("ask containerd of %s for image %s: %w", n.Name, name, err)
	}
	return answer.Image != nil, nil
}
