package deploy

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/braid-cni/braid/e2e/binaries"
	"github.com/braid-cni/braid/e2e/cluster"
	"github.com/braid-cni/braid/e2e/suite"
)

func goArch() string { return runtime.GOARCH }

// kubectl runs kubectl in the checkout's root, as the documentation tells people to.
func kubectl(ctx context.Context, c *cluster.Cluster, args ...string) (string, error) {
	programs, err := binaries.Ensure(ctx, io.Discard)
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

func mustKubectl(t *suite.Test, args ...string) string {
	t.Helper()
	out, err := kubectl(t.Ctx, t.Cluster, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// install is what the README says, and waits until pods get their networks from Braid.
func install(ctx context.Context, c *cluster.Cluster) error {
	for _, args := range [][]string{
		{"apply", "-k", "deploy/"},
		{"-n", "braid-system", "rollout", "status", "daemonset/braid-agent", "--timeout=90s"},
	} {
		if _, err := kubectl(ctx, c, args...); err != nil {
			state, _ := kubectl(ctx, c, "-n", "braid-system", "describe", "pods")
			log, _ := kubectl(ctx, c, "-n", "braid-system", "logs", "daemonset/braid-agent", "--all-containers", "--tail=40")
			return fmt.Errorf("%w\n%s\n%s", err, state, log)
		}
	}
	for _, n := range c.Nodes {
		if err := n.WaitUses(ctx, conflist); err != nil {
			return err
		}
	}
	return nil
}
