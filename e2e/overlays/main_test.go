// Package overlays tests the kustomizations for distributions whose container runtimes have folders of their own.
package overlays

import (
	"os"
	"testing"

	"github.com/braid-cni/braid/e2e/cluster"
	"github.com/braid-cni/braid/e2e/install"
	"github.com/braid-cni/braid/e2e/suite"
)

var shared suite.Suite

func TestMain(m *testing.M) {
	os.Exit(shared.Main(m, cluster.Options{Nodes: 1, CNI: cluster.Bridge}, install.Image))
}
