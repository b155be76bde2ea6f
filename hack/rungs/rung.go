package main

import "path/filepath"

const (
	kernelRung  = "unit+kernel"
	vmRung      = "vm"
	clusterRung = "cluster"
)

// A rung is one place to run tests in: one or more runs of the go command.
type rung struct {
	name  string
	steps []step
}

// rungTable lists the rungs in the order in which they run: what is quick and
// says most about a mistake comes first. Root is the checkout's absolute path.
func rungTable(root string) []rung {
	vm := filepath.Join(root, "bin", "vm")
	return []rung{
		// Root's tests of one package at a time would be too slow, of three or
		// more at once too many for two processors and their deadlines.
		{kernelRung, []step{
			{args: test("-p=2", "-timeout=15m"), packages: []string{"./..."}},
		}},
		{vmRung, []step{
			{args: []string{"-C", "e2e", "build", "-o", vm, "./vm/cmd/vm"}},
			{args: test("-p=2", "-timeout=15m", "-exec="+vm), packages: guestPackages()},
			{dir: "e2e", args: test("-timeout=15m"), packages: []string{"./vm/..."}},
		}},
		// One package at a time: each has a whole cluster up.
		{clusterRung, []step{
			{dir: "e2e", args: test("-p=1", "-timeout=60m"), packages: []string{"./..."}, except: "/e2e/vm"},
		}},
	}
}

// guestPackages are the packages whose tests meet kernel features that test
// machines may lack.
func guestPackages() []string {
	return []string{"./kernel/...", "./plugins/...", "./fabric/..."}
}

// test is a go test command; -count=1 because the kernel that a cached result
// came from may have been another.
func test(flags ...string) []string {
	return append([]string{"test", "-json", "-count=1"}, flags...)
}
