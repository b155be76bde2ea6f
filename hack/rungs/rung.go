package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	kernelRung  = "unit+kernel"
	vmRung      = "vm"
	gateRung    = "gate"
	clusterRung = "cluster"
)

// A rung is one place to run tests in: one or more runs of the go command,
// which may depend on what the rungs before have seen.
type rung struct {
	name  string
	steps func(*tally) []step
	// atOnce is how many steps may run side by side; 0 is 1.
	atOnce int
	// built says that the cluster's programs must be built before: they are
	// needed, or their build would disturb.
	built bool
}

// rungTable lists the rungs in the order in which they run: what is quick and
// says most about a mistake comes first. Root is the checkout's absolute path,
// fuzz how long each fuzz target runs.
func rungTable(root string, fuzz time.Duration) ([]rung, error) {
	targets, err := fuzzTargets(root)
	if err != nil {
		return nil, err
	}
	return []rung{
		{name: kernelRung, steps: kernelSteps},
		{name: vmRung, steps: func(t *tally) []step { return guestSteps(t, filepath.Join(root, "bin", "vm")) }},
		{name: gateRung, steps: gateSteps, built: true},
		{name: fuzzRung, steps: func(*tally) []step { return fuzzSteps(targets, fuzz) }, atOnce: fuzzAtOnce},
		{name: clusterRung, steps: clusterSteps, built: true},
	}, nil
}

// run runs the steps.
func (r rung) run(ctx context.Context, t *tally, out io.Writer) {
	if r.atOnce > 1 {
		r.runTogether(ctx, t, out)
		return
	}
	for _, s := range r.steps(t) {
		s.run(ctx, t, out)
	}
}

// runTogether runs steps side by side. Each shows what it has to say when it
// is through.
func (r rung) runTogether(ctx context.Context, t *tally, out io.Writer) {
	var group errgroup.Group
	var mu sync.Mutex
	group.SetLimit(r.atOnce)
	for _, s := range r.steps(t) {
		group.Go(func() error {
			own, said := r.attempt(ctx, s)
			if own.failures() > 0 && outran(said) {
				fmt.Fprintf(&said.text, "      found nothing and failed at its deadline (go.dev/issue/75804): once more\n")
				again, more := r.attempt(ctx, s)
				said.text.Write(more.text.Bytes())
				own = again
			}
			mu.Lock()
			defer mu.Unlock()
			t.now().add(own.now())
			_, err := out.Write(said.text.Bytes())
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.fail(out, err.Error())
	}
}

// attempt runs a step with a count and an output of its own.
func (r rung) attempt(ctx context.Context, s step) (*tally, *locked) {
	own, said := newTally(), new(locked)
	own.begin(r.name)
	s.run(ctx, own, said)
	return own, said
}

// locked is text that the go command's stderr and the report of its events are
// both written to.
type locked struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// kernelSteps runs two packages at a time: more on two processors miss their
// deadlines.
func kernelSteps(*tally) []step {
	return []step{{args: test("-p=2", "-timeout=15m"), packages: []string{"./..."}}}
}

// guestSteps runs in a guest what this machine's kernel made tests skip, and
// on the machine the guest's own tests. What passed here is not run again: the
// guest's kernel lacks features too.
func guestSteps(t *tally, vm string) []step {
	steps := []step{
		{args: []string{"-C", "e2e", "build", "-o", vm, "./vm/cmd/vm"}},
		{dir: "e2e", args: test("-timeout=15m"), packages: []string{"./vm/..."}},
	}
	for _, s := range skippedHere(t) {
		steps = append(steps, step{args: test("-timeout=15m", "-exec="+vm, "-run="+s.pattern()), packages: []string{s.pkg}})
	}
	return steps
}

// gateSteps measures how fast pods get their networks, with the machine to
// itself.
func gateSteps(*tally) []step {
	return []step{{args: test("-tags=gate", "-run=^TestGate$", "-timeout=10m"), packages: []string{"./bench/gate"}}}
}

// clusterSteps runs one package at a time, for each has a whole cluster up.
func clusterSteps(*tally) []step {
	return []step{{dir: "e2e", args: test("-p=1", "-timeout=60m"), packages: []string{"./..."}, except: "/e2e/vm"}}
}

// test is a go test command; -count=1 because the kernel that a cached result
// came from may have been another.
func test(flags ...string) []string {
	return append([]string{"test", "-json", "-count=1"}, flags...)
}
