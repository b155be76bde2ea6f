// Package isolated runs a program again in network, mount and process namespaces of its own: the machine's links,
// addresses, rules and mounts are not touched, and when the process ends, however it ends, all that it started ends with
// it, and so do the namespaces.
package isolated

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// jobVariable carries the job to the process inside.
const jobVariable = "BRAID_BENCH_JOB"

// Inside reads the job that Again gave to this process into job, a pointer. It is false in a process that Again did not
// start. Mounts made from then on are seen by nobody outside.
func Inside(job any) (bool, error) {
	text, inside := os.LookupEnv(jobVariable)
	if !inside {
		return false, nil
	}
	if err := json.Unmarshal([]byte(text), job); err != nil {
		return true, fmt.Errorf("read the job: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return true, fmt.Errorf("make the mounts private: %w", err)
	}
	// That of the process namespace.
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return true, fmt.Errorf("mount /proc: %w", err)
	}
	return true, nil
}

// Again runs this program once more, with the same arguments, in namespaces of its own. It needs root.
func Again(ctx context.Context, job any, stdout, stderr io.Writer) error {
	text, err := json.Marshal(job)
	if err != nil {
		return fmt.Errorf("write the job: %w", err)
	}
	inner := exec.CommandContext(ctx, "/proc/self/exe", os.Args[1:]...)
	inner.Env = append(os.Environ(), jobVariable+"="+string(text))
	inner.Stdout, inner.Stderr = stdout, stderr
	// Should this process be killed, the inner one goes with it, and the namespaces with that. The signal comes when the
	// thread ends that started it.
	inner.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS | unix.CLONE_NEWPID, Pdeathsig: syscall.SIGTERM}
	inner.Cancel = func() error { return inner.Process.Signal(syscall.SIGTERM) }
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return inner.Run()
}

// Main is for the TestMain of tests that need namespaces of their own: it runs them there, with the job that prepare makes
// outside, in a temporary folder. Tests of a process without root run as they are. It returns the exit status.
func Main[Job any](m *testing.M, job *Job, prepare func(ctx context.Context, dir string) (Job, error)) int {
	inside, err := Inside(job)
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "isolated:", err)
		return 1
	case inside || os.Geteuid() != 0:
		return m.Run()
	}
	if err := outside(prepare); err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return max(exit.ExitCode(), 1)
		}
		fmt.Fprintln(os.Stderr, "isolated:", err)
		return 1
	}
	return 0
}

func outside[Job any](prepare func(context.Context, string) (Job, error)) (err error) {
	dir, err := os.MkdirTemp("", "braid-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	made, err := prepare(context.Background(), dir)
	if err != nil {
		return err
	}
	return Again(context.Background(), made, os.Stdout, os.Stderr)
}
