// Package e2e tries the test cluster itself out, with the reference bridge as its CNI.
package e2e

import (
	"os"
	"testing"

	"github.com/braid-cni/braid/e2e/cluster"
	"github.com/braid-cni/braid/e2e/suite"
)

var shared suite.Suite

func TestMain(m *testing.M) {
	os.Exit(shared.Main(m, cluster.Options{Nodes: 2, CNI: cluster.Bridge}, nil))
}
