// Package pods tests what a pod gets on a real cluster: networks of Braid beside a cluster network, whatever happens to
// the agent, the configuration or the API objects meanwhile.
package pods

import (
	"context"
	"os"
	"testing"

	"github.com/braid-cni/braid/e2e/cluster"
	"github.com/braid-cni/braid/e2e/suite"
)

var shared suite.Suite

func TestMain(m *testing.M) {
	options := cluster.Options{Nodes: 2, CNI: cluster.Bridge, Plugins: true}
	os.Exit(shared.Main(m, options, func(ctx context.Context, c *cluster.Cluster) error {
		return c.InstallBraid(ctx, cluster.BridgeConflist)
	}))
}

// configure gives Braid another configuration for the time of the test.
func configure(t *suite.Test, keys map[string]any) {
	t.Helper()
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Ctx)
		if err := t.ConfigureBraid(ctx, map[string]any{"clusterNetwork": cluster.BridgeConflist}); err != nil {
			t.Error(err)
		}
	})
	if err := t.ConfigureBraid(t.Ctx, keys); err != nil {
		t.Fatal(err)
	}
}
