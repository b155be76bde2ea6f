package conformance

import (
	"fmt"
	"os"
	"runtime"
	"syscall"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// A thread is an OS thread in namespaces of its own. It carries out one function after another; processes that they
// start are in its namespaces, and are killed with it if they ask for that.
type thread struct{ work chan func() }

func newThread() *thread {
	t := &thread{work: make(chan func())}
	started := make(chan struct{})
	go t.loop(started)
	<-started
	return t
}

func (t *thread) loop(started chan struct{}) {
	runtime.LockOSThread()
	if os.Getpid() == syscall.Gettid() {
		// The process's first thread does not end, so its namespaces must stay. It is held until another one is found.
		go t.loop(started)
		<-started
		runtime.UnlockOSThread()
		return
	}
	close(started)
	for f := range t.work {
		f()
	}
	// The thread stays locked, and so ends with the goroutine.
}

// do runs f on the thread.
func (t *thread) do(f func() error) error {
	done := make(chan error, 1)
	t.work <- func() { done <- f() }
	return <-done
}

func (t *thread) end() { close(t.work) }

// A namespace is a network namespace that is held open, and a netlink socket in it.
type namespace struct {
	handle netns.NsHandle
	*netlink.Handle
}

// openNamespace opens the one that the calling thread is in.
func openNamespace() (*namespace, error) {
	handle, err := netns.Get()
	if err != nil {
		return nil, fmt.Errorf("open network namespace: %w", err)
	}
	link, err := netlink.NewHandle()
	if err != nil {
		_ = handle.Close()
		return nil, fmt.Errorf("open netlink socket: %w", err)
	}
	return &namespace{handle: handle, Handle: link}, nil
}

func (n *namespace) close() {
	n.Close()
	_ = n.handle.Close()
}

// retry repeats a dump that the kernel says was interrupted by a change.
func retry[T any](dump func() ([]T, error)) ([]T, error) {
	for try := 0; ; try++ {
		list, err := dump()
		if err != netlink.ErrDumpInterrupted || try == 20 {
			return list, err
		}
	}
}
