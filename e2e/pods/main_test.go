// Package pods tests what a pod gets on a real cluster: networks of Braid beside a cluster network, whatever happens to
// the agent, the configuration or the API objects meanwhile.
package pods

import (
	"context"
	"os"
	"testing"

	"github.com/braid-cni/braid/e2e/cluster"
	"github.com/braid-cni/braid/e2e/install"
	"github.com/braid-cni/braid/e2e/suite"
)

var shared suite.Suite

func TestMain(m *testing.M) {
	os.Exit(shared.Main(m, cluster.Options{Nodes: 2, CNI: cluster.Bridge}, install.Braid))
}

// configure gives Braid another AgentConfiguration, of these keys, for the time of the test.
func configure(t *suite.Test, keys map[string]any) {
	t.Helper()
	before, err := install.Configuration(t.Ctx, t.Cluster)
	if err != nil {
		t.Fatal(err)
	}
	text, err := install.Text(keys)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Ctx)
		if err := install.Configure(ctx, t.Cluster, before); err != nil {
			t.Error(err)
		}
		// A node was not, if the cluster network was not there.
		if err := t.WaitReady(ctx); err != nil {
			t.Error(err)
		}
	})
	if err := install.Configure(t.Ctx, t.Cluster, text); err != nil {
		t.Fatal(err)
	}
}
