package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// A build is the real door: early begins before the Go runtime, plain with it.
type build struct{ name, path string }

// builds are both, made in the folder of this run's programs for the first test that asks for them.
var builds struct {
	once sync.Once
	dir  string
	all  []build
	err  error
}

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "braid-doors-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	builds.dir = dir
	status := m.Run()
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

func doors(t testing.TB) []build {
	t.Helper()
	readSources(t)
	builds.once.Do(func() {
		for _, b := range []struct{ name, flags string }{{"early", "-E _braid_entry"}, {"plain", ""}} {
			made := build{b.name, filepath.Join(builds.dir, b.name, "braid")}
			builds.all = append(builds.all, made)
			if out, err := exec.Command("go", "build", "-ldflags="+b.flags, "-o", made.path, ".").CombinedOutput(); err != nil {
				builds.err = fmt.Errorf("build the door: %w\n%s", err, out)
			}
		}
	})
	if builds.err != nil {
		t.Fatal(builds.err)
	}
	return builds.all
}

// readSources has the go command know that a test is to run again when they change: not all of them is in the test's program.
func readSources(t testing.TB) {
	t.Helper()
	files, err := filepath.Glob("*")
	for _, file := range files {
		if err == nil && (filepath.Ext(file) == ".go" || filepath.Ext(file) == ".s") {
			_, err = os.ReadFile(file)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}
