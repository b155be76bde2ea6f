// Package labtest runs tests that bring laboratories up.
package labtest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
)

// programsVariable tells the tests where the programs are, and that they run where they should.
const programsVariable = "BRAID_LABTEST_PROGRAMS"

// Main is for TestMain. It builds braid and braidd, as make demo does, and runs the tests in network and mount namespaces of their own, as a
// machine on which nobody else changes anything. It returns the exit status. Without root it just runs the tests,
// which skip in Programs.
func Main(m *testing.M) int {
	if os.Geteuid() != 0 || os.Getenv(programsVariable) != "" {
		return m.Run()
	}
	status, err := isolated()
	if err != nil {
		fmt.Fprintln(os.Stderr, "labtest:", err)
		return 1
	}
	return status
}

// Programs is the folder of braid and braidd.
func Programs(t testing.TB) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root to make network and mount namespaces")
	}
	return os.Getenv(programsVariable)
}

func isolated() (status int, err error) {
	dir, err := os.MkdirTemp("", "braid-labtest-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	build := exec.Command("go", "build", "-tags", "nocluster", "-ldflags=github.com/braid-cni/braid/cmd/braid=-E _braid_entry", "-o", dir, "github.com/braid-cni/braid/cmd/braid", "github.com/braid-cni/braid/cmd/braidd")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("build the programs: %w\n%s", err, out)
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), programsVariable+"="+dir)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	// The tests end with this process, whose death signal comes from the thread that started them.
	runtime.LockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return max(exit.ExitCode(), 1), nil
	}
	return 0, err
}
