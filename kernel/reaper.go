package kernel

import (
	"context"
	"fmt"
	"sync"
	"time"
)

const (
	// gatherFor bounds how long a batch waits for more while many are deleting.
	gatherFor = 5 * time.Millisecond
	// callsAtOnce is how many batches are deleted at the same time: while one waits for the kernel's grace periods, another
	// has its links taken down.
	callsAtOnce = 2
	// batchLinks is how many links make a batch that takes no more: whose links are gone may go on while others' are deleted.
	batchLinks = 128
)

// A Reaper does the work of many teardowns in common kernel calls. One that comes alone is served at once; those that come while
// calls are running wait for the end of one and go together. While many come, a call waits a little for as many as it may expect: who
// was served together asks again together, and a call costs the kernel 20 ms for one link and 70 ms for a hundred. It may be used
// by many goroutines.
type Reaper struct {
	kernel Kernel
	// running has an element for each batch that is in its kernel calls.
	running chan struct{}

	mu   sync.Mutex
	next *batch
	// ended is when the last batch ended, and size how many teardowns it served.
	ended time.Time
	size  int
	// going counts the batches under way that have a link.
	going map[string]int
}

// A batch is the work of one call to come. Its outcome is written before finished is closed.
type batch struct {
	work     work
	finished chan struct{}
	outcome  done
	// joined counts the teardowns. With wanted of them enough is closed.
	joined, wanted int
	enough         chan struct{}
}

// NewReaper returns a Reaper for the host's links.
func NewReaper(k Kernel) *Reaper {
	return &Reaper{kernel: k, running: make(chan struct{}, callsAtOnce), going: make(map[string]int)}
}

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
		r.next = &batch{finished: make(chan struct{}), enough: make(chan struct{})}
		go r.run(r.next)
	}
	b := r.next
	b.work.add(w)
	if b.joined++; b.joined == b.wanted {
		close(b.enough)
	}
	if len(b.work.links) >= batchLinks {
		r.next = nil
	}
	return b
}

// run shuts the batch to others only when it is its turn, so that what comes during a call gathers.
func (r *Reaper) run(b *batch) {
	r.running <- struct{}{}
	defer func() { <-r.running }()
	r.gather(b)
	r.shut(b)
	b.outcome = removeAll(r.kernel, &b.work, r.goes)
	r.end(b)
	close(b.finished)
}

// shut begins the batch. Its links count as going before anybody is asked for companions, so that of two batches that between them
// take all ports of a bridge, one takes the bridge.
func (r *Reaper) shut(b *batch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.next == b {
		r.next = nil
	}
	for _, link := range b.work.links {
		r.going[link]++
	}
}

func (r *Reaper) end(b *batch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended, r.size = time.Now(), b.joined
	for _, link := range b.work.links {
		if r.going[link]--; r.going[link] == 0 {
			delete(r.going, link)
		}
	}
}

func (r *Reaper) goes(link string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.going[link] > 0
}

// gather waits for half as many as the last call served, if that has just ended: in the end as many gather as are served.
func (r *Reaper) gather(b *batch) {
	r.mu.Lock()
	b.wanted = r.size / 2
	enough := time.Since(r.ended) > gatherFor || b.joined >= b.wanted || r.next != b
	r.mu.Unlock()
	if enough {
		return
	}
	select {
	case <-b.enough:
	case <-time.After(gatherFor):
	}
}
