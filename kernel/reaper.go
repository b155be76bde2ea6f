package kernel

import (
	"context"
	"fmt"
	"sync"
)

// A Reaper does the work of many teardowns in common kernel calls. The first is served at once; those that come while a call is
// running wait for its end and go together. It may be used by many goroutines.
type Reaper struct {
	kernel Kernel
	// running is held during the kernel calls of one batch.
	running sync.Mutex

	mu   sync.Mutex
	next *batch
}

// A batch is the work of one call to come. Its outcome is written before finished is closed.
type batch struct {
	work     work
	finished chan struct{}
	outcome  done
}

// NewReaper returns a Reaper for the host's links.
func NewReaper(k Kernel) *Reaper { return &Reaper{kernel: k} }

// Teardown returns a Teardown whose Flush shares kernel calls with the others of this Reaper. When its context ends first, the
// links are deleted all the same.
func (r *Reaper) Teardown() *Teardown { return &Teardown{carryOut: r.carryOut} }

func (r *Reaper) carryOut(ctx context.Context, w *work) error {
	b := r.join(w)
	select {
	case <-b.finished:
		return b.outcome.errorOf(w)
	case <-ctx.Done():
		return fmt.Errorf("wait for the deletion of links %q: %w", w.links, ctx.Err())
	}
}

// join adds work to the batch that gathers, or starts one.
func (r *Reaper) join(w *work) *batch {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.next == nil {
		r.next = &batch{finished: make(chan struct{})}
		go r.run()
	}
	r.next.work.add(w)
	return r.next
}

// run closes the batch to others only when it is its turn, so that what comes during a call gathers.
func (r *Reaper) run() {
	r.running.Lock()
	defer r.running.Unlock()
	r.mu.Lock()
	b := r.next
	r.next = nil
	r.mu.Unlock()
	// Whoever gave up does not end what others wait for.
	b.outcome = removeAll(context.Background(), r.kernel, &b.work)
	close(b.finished)
}
