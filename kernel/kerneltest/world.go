// Package kerneltest runs one test body in two worlds, the fake kernel and the real one, and shows their state
// as text. The real world is made of network namespaces of the test's own: one that is taken as the host and one
// for each pod. They have no names and no mounts, so nothing is left of a test that is killed.
package kerneltest

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"testing"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/braid-cni/braid/kernel"
)

// A World is a kernel in which a test may do as it likes.
type World struct {
	Kernel kernel.Kernel
	// Real is true if packets can be sent.
	Real bool
	// Host is the path of the namespace that is taken as the host's; empty in the fake world.
	Host string

	fake *kernel.Fake
	mu   sync.Mutex
	open map[string]*os.File
	pods int
	// refuse and hook are called at each change of the kernel; a test sets them with Refuse and Hook.
	refuse func(change string) error
	hook   func(point string)
}

// Each runs the body as subtests "fake" and "real". The latter is skipped without root.
func Each(t *testing.T, body func(t *testing.T, w *World)) {
	t.Helper()
	t.Run("fake", func(t *testing.T) { body(t, NewFake()) })
	t.Run("real", func(t *testing.T) { body(t, NewReal(t)) })
}

// NewFake returns a world without a kernel.
func NewFake() *World {
	w := &World{}
	w.fake = kernel.NewFake(w.options(""))
	w.Kernel = w.fake
	return w
}

// NewReal returns a world on the kernel the test runs on, or skips the test.
func NewReal(t testing.TB) *World {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root (CAP_NET_ADMIN, CAP_SYS_ADMIN) to make network namespaces")
	}
	w := &World{Real: true, open: make(map[string]*os.File)}
	w.Host = w.newNetns(t)
	w.Kernel = kernel.New(w.options(w.Host))
	return w
}

func (w *World) options(host string) kernel.Options {
	return kernel.Options{
		HostNetns: host,
		Hook: func(point string) {
			if f := w.funcs().hook; f != nil {
				f(point)
			}
		},
		Refuse: func(change string) error {
			if f := w.funcs().refuse; f != nil {
				return f(change)
			}
			return nil
		},
	}
}

// Restart puts another Kernel in place of this one, as a process that begins has it: nothing is known of what is open or
// locked. The namespaces, and in the fake world all else, stay.
func (w *World) Restart() {
	if w.Real {
		w.Kernel = kernel.New(w.options(w.Host))
	}
}

type funcs struct {
	refuse func(string) error
	hook   func(string)
}

func (w *World) funcs() funcs {
	w.mu.Lock()
	defer w.mu.Unlock()
	return funcs{w.refuse, w.hook}
}

// Refuse makes f decide about every change of the kernel from now on; nil lets all pass.
func (w *World) Refuse(f func(change string) error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.refuse = f
}

// Hook makes f see every change of the kernel from now on; nil ends it.
func (w *World) Hook(f func(point string)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hook = f
}

// Netns makes an empty namespace and returns its path.
func (w *World) Netns(t testing.TB) string {
	t.Helper()
	if w.Real {
		return w.newNetns(t)
	}
	w.mu.Lock()
	w.pods++
	path := fmt.Sprintf("/run/netns/pod%d", w.pods)
	w.mu.Unlock()
	w.fake.AddNetns(path)
	return path
}

// Remove ends a namespace, as far as the test holds it.
func (w *World) Remove(path string) {
	if !w.Real {
		w.fake.DelNetns(path)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if file := w.open[path]; file != nil {
		_ = file.Close()
		delete(w.open, path)
	}
}

func (w *World) newNetns(t testing.TB) string {
	t.Helper()
	made := make(chan *os.File, 1)
	go func() { made <- makeNetns(t) }()
	file := <-made
	if file == nil {
		t.FailNow()
	}
	path := fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), file.Fd())
	w.mu.Lock()
	w.open[path] = file
	w.mu.Unlock()
	t.Cleanup(func() { w.Remove(path) })
	return path
}

// makeNetns leaves its thread locked, and so to be ended, if the thread cannot come back.
func makeNetns(t testing.TB) *os.File {
	runtime.LockOSThread()
	home, err := netns.Get()
	if err != nil {
		t.Errorf("open own network namespace: %v", err)
		return nil
	}
	defer home.Close()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Errorf("make network namespace: %v", err)
		return nil
	}
	file, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		t.Errorf("open new network namespace: %v", err)
	}
	if netns.Set(home) == nil {
		runtime.UnlockOSThread()
	}
	return file
}

// In runs f on a thread in the namespace at a path, for sockets and commands. Real worlds only.
func (w *World) In(t testing.TB, path string, f func()) {
	t.Helper()
	w.mu.Lock()
	file := w.open[path]
	w.mu.Unlock()
	if file == nil {
		t.Fatalf("no namespace %q", path)
	}
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		home, err := netns.Get()
		if err != nil {
			done <- err
			return
		}
		defer home.Close()
		if err := netns.Set(netns.NsHandle(file.Fd())); err != nil {
			done <- err
			return
		}
		f()
		if netns.Set(home) == nil {
			runtime.UnlockOSThread()
		}
		done <- nil
	}()
	if err := <-done; err != nil {
		t.Fatalf("enter namespace %q: %v", path, err)
	}
}
