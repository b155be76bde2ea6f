// Package deploy tests what an administrator does: install Braid by kubectl from its image, restart it, remove it; and what the
// agent may do with the rights that it has then.
package deploy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/braid-cni/braid/e2e/binaries"
	"github.com/braid-cni/braid/e2e/cluster"
	"github.com/braid-cni/braid/e2e/images"
	"github.com/braid-cni/braid/e2e/install"
	"github.com/braid-cni/braid/e2e/suite"
)

const (
	probeImage = "localhost/probe:1"
	conflist   = install.Conflist
)

var shared suite.Suite

func TestMain(m *testing.M) {
	os.Exit(shared.Main(m, cluster.Options{Nodes: 3, CNI: cluster.Bridge}, func(ctx context.Context, c *cluster.Cluster) error {
		return errors.Join(loadProbe(ctx, c), install.Braid(ctx, c))
	}))
}

// loadProbe brings to every node the image of test pods with the program that watches the way between two of them.
func loadProbe(ctx context.Context, c *cluster.Cluster) error {
	dir, err := os.MkdirTemp("", "braid-probe-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := binaries.Probe(ctx, dir); err != nil {
		return err
	}
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		return fmt.Errorf("find busybox: %w", err)
	}
	img, err := images.Busybox(ctx, busybox)
	if err != nil {
		return err
	}
	img.Name = probeImage
	img.Files = append(img.Files, images.File{Path: "bin/probe", From: filepath.Join(dir, "probe")})
	for _, n := range c.Nodes {
		if err := n.LoadImage(ctx, img); err != nil {
			return err
		}
	}
	return nil
}

func mustKubectl(t *suite.Test, args ...string) string {
	t.Helper()
	out, err := install.Kubectl(t.Ctx, t.Cluster, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// agents are the agents' pods, one on each node.
func agents(t *suite.Test) []corev1.Pod {
	t.Helper()
	pods, err := install.Agents(t.Ctx, t.Cluster)
	if err != nil {
		t.Fatal(err)
	}
	return pods
}
