// Package install brings Braid to the test cluster as people do: its image on the nodes, kubectl apply, the ConfigMap.
package install

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"github.com/braid-cni/braid/e2e/binaries"
	"github.com/braid-cni/braid/e2e/cluster"
)

const (
	// Namespace is where Braid's own objects are.
	Namespace = "braid-system"
	// Folder is the kustomization of everything, and Conflist the file that an agent of it writes on its node.
	Folder   = "deploy/"
	Conflist = "/etc/cni/net.d/00-braid.conflist"

	image = "localhost/braid:dev"
)

// Braid brings Braid from the checkout to the cluster. When it returns, pods get their networks from Braid.
func Braid(ctx context.Context, c *cluster.Cluster) error {
	if err := Image(ctx, c); err != nil {
		return err
	}
	return Apply(ctx, c, Folder, Conflist)
}

// Image builds Braid's image as "make image" does and imports it on every node.
func Image(ctx context.Context, c *cluster.Cluster) error {
	checkout, err := binaries.Checkout(ctx)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "braid-image-")
	if err != nil {
		return fmt.Errorf("make a folder for Braid's image: %w", err)
	}
	defer os.RemoveAll(dir)
	build := exec.CommandContext(ctx, "go", "run", "./hack/image", "-o", dir, "-name", image, "-arch", runtime.GOARCH)
	build.Dir = checkout
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build Braid's image: %w\n%s", err, out)
	}
	for _, n := range c.Nodes {
		if err := n.ImportImage(ctx, filepath.Join(dir, "braid-"+runtime.GOARCH+".tar")); err != nil {
			return err
		}
	}
	return nil
}

// Apply applies a kustomization of the checkout, and returns when every node is ready and its runtime uses the file that
// the agents write by it. Its error says what the agents said.
func Apply(ctx context.Context, c *cluster.Cluster, folder, conflist string) error {
	for _, args := range [][]string{
		{"apply", "-k", folder},
		{"-n", Namespace, "rollout", "status", "daemonset/braid-agent", "--timeout=90s"},
	} {
		if _, err := Kubectl(ctx, c, args...); err != nil {
			state, _ := Kubectl(ctx, c, "-n", Namespace, "describe", "pods")
			log, _ := Kubectl(ctx, c, "-n", Namespace, "logs", "daemonset/braid-agent", "--all-containers", "--tail=40")
			return fmt.Errorf("%w\n%s\n%s", err, state, log)
		}
	}
	for _, n := range c.Nodes {
		if err := n.WaitUses(ctx, conflist); err != nil {
			return err
		}
	}
	return c.WaitReady(ctx)
}
