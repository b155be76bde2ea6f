// Package nerdctl does on a machine without a cluster what docs/user/nerdctl.md says, with containerd and nerdctl.
package nerdctl

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/braid-cni/braid/e2e/binaries"
)

// inside is the variable that holds, where it is set, the folders of the programs that the tests need, as PATH does.
const inside = "BRAID_NERDCTL_INSIDE"

// TestMain runs the tests as on a machine of their own: with network, mounts and processes that end with them, and with
// folders in which what they write is seen by nobody else.
func TestMain(m *testing.M) {
	if os.Geteuid() != 0 {
		os.Exit(m.Run()) // in which the test skips
	}
	run := isolate
	if os.Getenv(inside) != "" {
		run = func() (int, error) { return m.Run(), nil }
		if err := mount(); err != nil {
			run = func() (int, error) { return 1, err }
		}
	}
	status, err := run()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

// cgroups are the folders that a runtime makes for the containers of containerd's namespace "default", and leaves. There is
// one in each hierarchy, which are one or many.
func cgroups() (all []string, err error) {
	for _, pattern := range []string{"/sys/fs/cgroup/default", "/sys/fs/cgroup/*/default"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// removeCgroups removes the cgroups that were not there before, with those of containers that have been killed.
func removeCgroups(before []string) error {
	all, err := cgroups()
	for _, folder := range all {
		if slices.Contains(before, folder) {
			continue
		}
		below, globErr := filepath.Glob(folder + "/*/")
		err = errors.Join(err, globErr)
		for _, dir := range append(below, folder) {
			err = errors.Join(err, remove(dir))
		}
	}
	return err
}

// remove waits for processes that are being killed.
func remove(cgroup string) error {
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		err := os.Remove(cgroup)
		if !errors.Is(err, unix.EBUSY) || time.Now().After(deadline) {
			return err
		}
	}
}

// isolate builds what needs the network, and runs the tests.
func isolate() (status int, err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	programs, err := binaries.Ensure(ctx, os.Stderr)
	if err != nil {
		return 0, err
	}
	// The page builds Braid, when there is no network any more.
	download := exec.CommandContext(ctx, "go", "list", "-deps", "./...")
	download.Dir = checkout
	if out, err := download.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("download Braid's modules: %w\n%s", err, out)
	}
	before, err := cgroups()
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, removeCgroups(before)) }()
	cmd := exec.CommandContext(ctx, "/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), inside+"="+programs.Containerd+":"+programs.Nerdctl)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWPID, Unshareflags: syscall.CLONE_NEWNS}
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return max(exit.ExitCode(), 1), nil
	}
	return 0, err
}

// mount puts an empty layer over the folders that the page writes into; what lies there already is still seen.
func mount() error {
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	if err := unix.Mount("tmpfs", "/run", "tmpfs", 0, ""); err != nil {
		return fmt.Errorf("mount /run: %w", err)
	}
	for _, folder := range []string{"/etc", "/opt", "/usr/local/bin", "/var/lib"} {
		layer := filepath.Join("/run/layers", folder)
		upper, work := filepath.Join(layer, "upper"), filepath.Join(layer, "work")
		if err := errors.Join(os.MkdirAll(upper, 0o755), os.MkdirAll(work, 0o755)); err != nil {
			return err
		}
		if err := unix.Mount("overlay", folder, "overlay", 0, strings.Join([]string{"lowerdir=" + folder, "upperdir=" + upper, "workdir=" + work}, ",")); err != nil {
			return fmt.Errorf("lay a layer over %s: %w", folder, err)
		}
	}
	// The layers of containers cannot lie on one.
	if err := os.MkdirAll("/var/lib/containerd", 0o755); err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", "/var/lib/containerd", "tmpfs", 0, ""); err != nil {
		return fmt.Errorf("mount /var/lib/containerd: %w", err)
	}
	return nil
}
