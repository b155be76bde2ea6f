package bench

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/braid-cni/braid/bench/isolated"
)

// built are the folders of the programs under test.
type built struct{ Braid, Plugins string }

// programs are set by TestMain: a slice, which none of the tests changes.
var programs = []built{{}}

// The tests have network and mount namespaces of their own, in which all their goroutines and processes are.
func TestMain(m *testing.M) {
	os.Exit(isolated.Main(m, &programs[0], func(ctx context.Context, dir string) (b built, err error) {
		b.Braid = filepath.Join(dir, "bin")
		if _, err := BuildBraid(ctx, b.Braid); err != nil {
			return b, err
		}
		b.Plugins, _, err = BuildPlugins(ctx)
		return b, err
	}))
}

// testPods are pods whose namespaces end with the test.
func testPods(t *testing.T) *Pods {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("network namespaces need root")
	}
	p, err := NewPods(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// testTeam gathers subjects that are dismissed with the test. It checks that they leave no link behind.
func testTeam(t *testing.T, settled bool, subjects ...Subject) *Team {
	t.Helper()
	pods := testPods(t)
	before := links(t)
	team, err := Gather(t.Context(), pods, settled, subjects...)
	t.Cleanup(func() {
		team.Dismiss()
		if after := links(t); after != before {
			t.Errorf("left links %s, before were %s", after, before)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return team
}
