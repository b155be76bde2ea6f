//go:build gate

package gate

import (
	"os"
	"testing"

	"github.com/braid-cni/braid/bench/isolated"
)

// jobs has the job of this process, set by TestMain.
var jobs = []Job{{}}

func TestMain(m *testing.M) { os.Exit(isolated.Main(m, &jobs[0], Prepare)) }

// TestGate measures, and so has the machine to itself: it is no part of ./... and runs with the tag gate only.
func TestGate(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("network namespaces need root: run it with sudo")
	}
	if err := jobs[0].Run(t.Context(), t.Output()); err != nil {
		t.Error(err)
	}
}
