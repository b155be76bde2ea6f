// Package deploy tests what an administrator does: install Braid by kubectl from its image, restart it, remove it; and what the
// agent may do with the rights that it has then.
package deploy

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/braid-cni/braid/e2e/binaries"
	"github.com/braid-cni/braid/e2e/cluster"
	"github.com/braid-cni/braid/e2e/images"
	"github.com/braid-cni/braid/e2e/suite"
)

const (
	checkout   = "../.."
	probeImage = "localhost/probe:1"
	conflist   = "/etc/cni/net.d/00-braid.conflist"
)

var shared suite.Suite

func TestMain(m *testing.M) {
	os.Exit(shared.Main(m, cluster.Options{Nodes: 2, CNI: cluster.Bridge}, func(ctx context.Context, c *cluster.Cluster) error {
		if err := importImages(ctx, c); err != nil {
			return err
		}
		return install(ctx, c)
	}))
}

// importImages brings Braid's image, built as "make image" builds it, and one with the probe to every node.
func importImages(ctx context.Context, c *cluster.Cluster) error {
	dir, err := os.MkdirTemp("", "braid-images-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	build := exec.CommandContext(ctx, "go", "run", "./hack/image", "-o", dir, "-arch", goArch())
	build.Dir = checkout
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build Braid's image: %w\n%s", err, out)
	}
	probe, err := writeProbe(ctx, dir)
	if err != nil {
		return err
	}
	for _, n := range c.Nodes {
		for _, file := range []string{filepath.Join(dir, "braid-"+goArch()+".tar"), probe} {
			if err := n.ImportImage(ctx, file); err != nil {
				return err
			}
		}
	}
	return nil
}

// writeProbe writes the image of test pods with the program that watches the way between two of them.
func writeProbe(ctx context.Context, dir string) (file string, err error) {
	if err := binaries.Probe(ctx, dir); err != nil {
		return "", err
	}
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		return "", fmt.Errorf("find busybox: %w", err)
	}
	img, err := images.Busybox(ctx, busybox)
	if err != nil {
		return "", err
	}
	img.Name = probeImage
	img.Files = append(img.Files, images.File{Path: "bin/probe", From: filepath.Join(dir, "probe")})
	file = filepath.Join(dir, "probe.tar")
	return file, images.Write(file, img)
}
