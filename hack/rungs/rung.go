package main

import "path/filepath"

const (
	kernelRung  = "unit+kernel"
	vmRung      = "vm"
	clusterRung = "cluster"
)

// A rung is one place to run tests in: one or more runs of the go command,
// which may depend on what the rungs before have seen.
type rung struct {
	name  string
	steps func(*tally) []step
}

// rungTable lists the rungs in the order in which they run: what is quick and
// says most about a mistake comes first. Root is the checkout's absolute path.
func rungTable(root string) []rung {
	return []rung{
		{kernelRung, kernelSteps},
		{vmRung, func(t *tally) []step { return guestSteps(t, filepath.Join(root, "bin", "vm")) }},
		{clusterRung, clusterSteps},
	}
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

// clusterSteps runs one package at a time, for each has a whole cluster up.
func clusterSteps(*tally) []step {
	return []step{{dir: "e2e", args: test("-p=1", "-timeout=60m"), packages: []string{"./..."}, except: "/e2e/vm"}}
}

// test is a go test command; -count=1 because the kernel that a cached result
// came from may have been another.
func test(flags ...string) []string {
	return append([]string{"test", "-json", "-count=1"}, flags...)
}
