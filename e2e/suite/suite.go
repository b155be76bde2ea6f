// Package suite lets the tests of a package share one cluster: TestMain brings it up, each test leaves it as it was,
// and at the end the machine must be as it was before.
package suite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/braid-cni/braid/e2e/cluster"
)

// keep is the variable that, set to 1, leaves the cluster up after the tests, for a look by hand. The next run of
// any suite replaces it.
const keep = "BRAID_E2E_KEEP"

// A Suite is one package's tests and their cluster. A test package has one as a variable.
type Suite struct {
	cluster *cluster.Cluster // nil without root
}

// Main is what TestMain calls, and exits with. setUp, which may be nil, runs once when the cluster is up.
func (s *Suite) Main(m *testing.M, options cluster.Options, setUp func(context.Context, *cluster.Cluster) error) int {
	if os.Geteuid() != 0 {
		return m.Run() // in which each test skips, and says why
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	options.Out = os.Stderr
	before, err := s.start(ctx, options, setUp)
	code := 1
	if err == nil {
		code = m.Run()
		err = s.end(context.WithoutCancel(ctx), before)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// start returns the machine's snapshot of before anything was changed.
func (s *Suite) start(ctx context.Context, options cluster.Options, setUp func(context.Context, *cluster.Cluster) error) (string, error) {
	if err := cluster.Prepare(ctx, options.Out); err != nil {
		return "", err
	}
	before, err := cluster.HostSnapshot(ctx)
	if err != nil {
		return "", err
	}
	s.cluster, err = cluster.Up(ctx, options)
	if err != nil || setUp == nil {
		return before, err
	}
	if err := setUp(ctx, s.cluster); err != nil {
		err = fmt.Errorf("set up cluster for tests (logs are in %s): %w", s.cluster.Dir, err)
		return "", errors.Join(err, s.end(context.WithoutCancel(ctx), before))
	}
	return before, nil
}

func (s *Suite) end(ctx context.Context, before string) error {
	if os.Getenv(keep) == "1" {
		s.cluster.WriteStatus(os.Stderr)
		return nil
	}
	if err := s.cluster.Down(ctx); err != nil {
		return err
	}
	after, err := cluster.HostSnapshot(ctx)
	if err != nil {
		return err
	}
	if diff := cluster.Diff(before, after); diff != "" {
		return fmt.Errorf("the cluster has left the machine changed:\n%s", diff)
	}
	return nil
}

// Start begins a test on the shared cluster; it skips the test where there is none for lack of root.
func (s *Suite) Start(t *testing.T) *Test {
	t.Helper()
	if s.cluster == nil {
		t.Skip("needs root: the cluster is made of namespaces, links and cgroups")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	test := &Test{T: t, Cluster: s.cluster, Ctx: ctx}
	t.Cleanup(test.showAgents)
	return test
}
