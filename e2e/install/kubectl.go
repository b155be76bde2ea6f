package install

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/braid-cni/braid/e2e/binaries"
	"github.com/braid-cni/braid/e2e/cluster"
)

// Kubectl runs kubectl in the checkout's root, as the documentation tells people to, and returns all that it wrote.
func Kubectl(ctx context.Context, c *cluster.Cluster, args ...string) (string, error) {
	programs, err := binaries.Ensure(ctx, io.Discard)
	if err != nil {
		return "", err
	}
	checkout, err := binaries.Checkout(ctx)
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(programs.Kubernetes, "kubectl"), args...)
	cmd.Dir = checkout
	// Nothing of a proxy: the cluster is on this machine.
	cmd.Env = []string{"KUBECONFIG=" + c.Kubeconfig, "PATH=" + os.Getenv("PATH"), "HOME=" + os.TempDir()}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("kubectl %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return string(out), nil
}
