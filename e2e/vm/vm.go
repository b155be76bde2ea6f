// Package vm runs one program, as a rule a Go test binary, under a Linux
// kernel that runs as an ordinary process: user-mode Linux. The guest's root
// file system is the machine's own, read-only, beneath an overlay that lives
// in the guest's memory: the program finds every file where it was on the
// machine, may write anywhere, and changes nothing.
//
// The same executable stands on both sides. On the machine it starts the
// kernel (Run); in the guest it is process 1 (Guest), told apart by Inside.
package vm

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// planVariable is set on the kernel's command line, from where the kernel
// hands it to process 1 as an environment variable.
const planVariable = "BRAID_VM_PLAN"

// A Program is what the guest runs.
type Program struct {
	Path string
	Args []string // without the program's name
	Env  []string
	Dir  string
	// Timeout bounds the guest's whole life. A guest that has not said how the
	// program ended by then is killed and counts as failed.
	Timeout time.Duration
}

// Inside says whether this process is process 1 of a guest.
func Inside() bool {
	return os.Getpid() == 1 && os.Getenv(planVariable) != ""
}

// writePlan leaves p where the guest finds it and returns the file's path.
func writePlan(dir string, p Program) (string, error) {
	data, err := json.Marshal(p)
	if err != nil {
		return "", fmt.Errorf("encode plan of %s: %w", p.Path, err)
	}
	path := filepath.Join(dir, "plan.json")
	return path, os.WriteFile(path, data, 0o600)
}

func readPlan(path string) (p Program, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return p, err
	}
	if err := json.Unmarshal(data, &p); err != nil {
		return p, fmt.Errorf("decode plan %s: %w", path, err)
	}
	return p, nil
}
