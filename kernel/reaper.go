package kernel

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Gather is how long the first of several teardowns waits for others to share its kernel call.
const Gather = 5 * time.Millisecond

// A Reaper deletes the links of many teardowns in common kernel calls: those that come within 5 ms of each
// other, and those that come while a call is running. It may be used by many goroutines.
type Reaper struct {
	kernel Kernel
	// running is held during the kernel call.
	running sync.Mutex

	mu   sync.Mutex
	next *batch
}

// A batch is the links of one call to come. Its errs are written before done is closed.
type batch struct {
	names []string
	done  chan struct{}
	errs  map[string]error
}

// NewReaper returns a Reaper for the host's links.
func NewReaper(k Kernel) *Reaper { return &Reaper{kernel: k} }

// Teardown returns a Teardown whose Flush shares kernel calls with the others of this Reaper. Flush returns at
// once when no link is there to delete. When its context ends first, the links are deleted all the same.
func (r *Reaper) Teardown() *Teardown { return &Teardown{remove: r.remove} }

func (r *Reaper) remove(ctx context.Context, names []string) error {
	names, err := r.existing(names)
	if err != nil || len(names) == 0 {
		return err
	}
	b := r.join(names)
	select {
	case <-b.done:
		return errorOf(b.errs, names)
	case <-ctx.Done():
		return fmt.Errorf("wait for the deletion of links %q: %w", names, ctx.Err())
	}
}

func (r *Reaper) existing(names []string) ([]string, error) {
	host, err := r.kernel.Host()
	if err != nil {
		return nil, err
	}
	defer host.Close()
	var found []string
	for _, name := range names {
		_, err := host.Link(name)
		if errors.Is(err, ErrNoLink) {
			continue
		}
		if err != nil {
			return nil, err
		}
		found = append(found, name)
	}
	return found, nil
}

// join adds links to the batch that is gathering, or starts one.
func (r *Reaper) join(names []string) *batch {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.next == nil {
		r.next = &batch{done: make(chan struct{})}
		time.AfterFunc(Gather, r.run)
	}
	r.next.names = append(r.next.names, names...)
	return r.next
}

// run closes the batch to others only when it is its turn, so that what comes during a call gathers too.
func (r *Reaper) run() {
	r.running.Lock()
	defer r.running.Unlock()
	r.mu.Lock()
	b := r.next
	r.next = nil
	r.mu.Unlock()
	b.errs = removeLinks(r.kernel, b.names)
	close(b.done)
}
