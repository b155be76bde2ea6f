package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/braid-cni/braid/kernel"
)

// makeNetns makes a network namespace and mounts it at path. Its loopback is up.
func makeNetns(path string) error {
	if err := writeFile(path, nil, 0o444); err != nil {
		return err
	}
	err := onThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return err
		}
		return unix.Mount("/proc/thread-self/ns/net", path, "", unix.MS_BIND, "")
	})
	if err != nil {
		return fmt.Errorf("make network namespace %s: %w", path, err)
	}
	return within(path, func(n kernel.Netns) error { return n.SetLink("lo", kernel.LinkChange{Up: true}) })
}

// removeNetns succeeds when there is none.
func removeNetns(path string) error {
	err := unix.Unmount(path, unix.MNT_DETACH)
	if err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("remove network namespace %s: %w", path, err)
	}
	return nil
}

// within gives f the kernel's view of a namespace.
func within(path string, f func(kernel.Netns) error) error {
	n, err := kernel.New(kernel.Options{HostNetns: path}).Host()
	if err != nil {
		return err
	}
	return errors.Join(f(n), n.Close())
}

// onThread runs f on a thread whose namespaces it may change: the thread ends with it. Processes that f starts are in
// its namespaces.
func onThread(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			// The process's first thread does not end, and /proc/self shows its namespaces. It is held while
			// another one is found.
			done <- onThread(f)
			runtime.UnlockOSThread()
			return
		}
		done <- f() // the thread stays locked, so that nobody else gets it
	}()
	return <-done
}

// enterNetns moves the thread into a network namespace.
func enterNetns(path string) error { return enter(path, unix.CLONE_NEWNET) }

// enterMounts moves the thread into the mount namespace of a process.
func enterMounts(p process) error {
	path := filepath.Join("/proc", fmt.Sprint(p.PID), "ns/mnt")
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("enter the agent's mounts (is it running?): %w", err)
	}
	defer file.Close()
	if !p.alive() { // asked after the open: the file is of that process, not of a later one
		return errors.New("enter the agent's mounts: the agent is not running")
	}
	// A thread that shares its working directory with others may not change its mount namespace.
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return fmt.Errorf("enter the agent's mounts: %w", err)
	}
	if err := unix.Setns(int(file.Fd()), unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("enter the agent's mounts: %w", err)
	}
	return nil
}

func enter(path string, kind int) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("enter namespace: %w", err)
	}
	defer file.Close()
	if err := unix.Setns(int(file.Fd()), kind); err != nil {
		return fmt.Errorf("enter namespace %s: %w", path, err)
	}
	return nil
}
