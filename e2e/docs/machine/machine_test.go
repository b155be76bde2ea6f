// Package machine types what the pages of e2e tell people to type, on a machine that they have to themselves.
package machine

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/braid-cni/braid/docs"
	"github.com/braid-cni/braid/e2e/cluster"
)

const checkout = "../../.."

func TestPages(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: the cluster is made of namespaces, links and cgroups")
	}
	all, err := docs.Blocks(os.DirFS(checkout))
	if err != nil {
		t.Fatal(err)
	}
	if err := cluster.Prepare(t.Context(), os.Stderr); err != nil {
		t.Fatal(err)
	}
	before, err := cluster.HostSnapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	found := docs.At(all, docs.Whole)
	if len(found) == 0 {
		t.Error("no command was found")
	}
	for _, b := range found {
		t.Run(b.Page+"#"+b.Heading, func(t *testing.T) { run(t, b) })
	}
	after, err := cluster.HostSnapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cluster.Diff(before, after); diff != "" {
		t.Errorf("the commands leave the machine changed:\n%s", diff)
	}
}

func run(t *testing.T, b docs.Block) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	if err := b.Run(ctx, func(cmd *exec.Cmd) { cmd.Dir = checkout }); err != nil {
		t.Error(err)
		if err := cluster.Down(context.WithoutCancel(ctx), os.Stderr); err != nil {
			t.Error(err)
		}
	}
}
