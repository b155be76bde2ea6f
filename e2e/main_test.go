// Package e2e tests Braid on a real Kubernetes cluster that it brings up on this machine.
package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/braid-cni/braid/e2e/cluster"
)

// shared is the cluster of all tests in this package: they run one after another, and each leaves it as it was.
var shared *cluster.Cluster

func TestMain(m *testing.M) {
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code, err := runTests(ctx, m)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// runTests brings the cluster up, runs all tests, and checks that the machine is then as it was before.
func runTests(ctx context.Context, m *testing.M) (int, error) {
	if os.Geteuid() != 0 {
		return m.Run(), nil
	}
	options := cluster.Options{Nodes: 2, CNI: cluster.Bridge, Out: os.Stderr}
	if err := cluster.Prepare(ctx, options.Out); err != nil {
		return 1, err
	}
	before, err := cluster.HostSnapshot(ctx)
	if err != nil {
		return 1, err
	}
	shared, err = cluster.Up(ctx, options)
	if err != nil {
		return 1, err
	}
	code := m.Run()
	if os.Getenv("BRAID_E2E_KEEP") == "1" {
		shared.WriteStatus(os.Stderr)
		return code, nil
	}
	if err := shared.Down(context.WithoutCancel(ctx)); err != nil {
		return 1, err
	}
	return code, checkHost(context.WithoutCancel(ctx), before)
}

func checkHost(ctx context.Context, before string) error {
	after, err := cluster.HostSnapshot(ctx)
	if err != nil {
		return err
	}
	if diff := cluster.Diff(before, after); diff != "" {
		return fmt.Errorf("the cluster has left the machine changed:\n%s", diff)
	}
	return nil
}

// need returns the shared cluster and a context for one test.
func need(t *testing.T) (context.Context, *cluster.Cluster) {
	t.Helper()
	if shared == nil {
		t.Skip("needs root: the cluster is made of namespaces, links and cgroups")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	return ctx, shared
}
