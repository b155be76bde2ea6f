package kernel

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
)

// groupTries bounds the search for a link group that nobody uses.
const groupTries = 5

// A Teardown collects links to be deleted and what may be done only after they are gone. It serves many
// attachments and may be filled from many goroutines.
type Teardown struct {
	// carryOut does the work, together with that of others.
	carryOut func(context.Context, *work) error

	mu       sync.Mutex
	work     work
	releases []func(context.Context) error
}

// NewTeardown returns a Teardown of its own; Reaper.Teardown returns one that shares kernel calls with others.
func NewTeardown(k Kernel) *Teardown {
	return &Teardown{carryOut: func(_ context.Context, w *work) error {
		going := setOf(w.links)
		return removeAll(k, w, func(link string) bool { return going[link] }).errorOf(w)
	}}
}

// Links hands over host-side links by name. A name that does not exist counts as removed. The nftables elements that they own
// go with them.
func (t *Teardown) Links(names ...string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.work.links = append(t.work.links, names...)
}

// With hands over who names links that go along with these, in the same kernel call, once for all attachments that name the same
// key.
func (t *Teardown) With(key string, c Companion) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.work.with(key, c)
}

// Then hands over what may be done only after the links are gone.
func (t *Teardown) Then(release func(context.Context) error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.releases = append(t.releases, release)
}

// Flush deletes the links, about 20 ms whatever their number, and then runs what Then collected, in order; all
// of it even if one fails, with the errors joined. When a link could not be deleted, or ctx ends before it is
// known that all are, nothing is released. The Teardown is empty afterwards.
func (t *Teardown) Flush(ctx context.Context) error {
	t.mu.Lock()
	w, releases := t.work, t.releases
	t.work, t.releases = work{}, nil
	t.mu.Unlock()
	if !w.empty() {
		if err := t.carryOut(ctx, &w); err != nil {
			return err
		}
	}
	var errs []error
	for _, release := range releases {
		errs = append(errs, release(ctx))
	}
	return errors.Join(errs...)
}

// removeLinks deletes links of the host and returns the errors by name: in one call if there are many, one by
// one if there is one or if the kernel refuses (one link that cannot be deleted makes it refuse the group).
func removeLinks(k Kernel, names []string) map[string]error {
	host, err := k.Host()
	if err != nil {
		return allFail(names, err)
	}
	defer host.Close()
	left := names
	if len(names) > 1 {
		if left, err = removeTogether(host, names); err == nil {
			return nil
		}
	}
	errs := make(map[string]error)
	for _, name := range left {
		if err := host.DelLink(name); err != nil {
			errs[name] = err
		}
	}
	return errs
}

// removeTogether returns the links that are left when it fails.
func removeTogether(n Netns, names []string) (left []string, err error) {
	for range groupTries {
		group := rand.Uint32() | 1<<31
		if left, err = n.SetGroup(group, names); err != nil || len(left) == 0 {
			return left, err
		}
		strangers, err := strangersIn(n, group, left)
		if err != nil {
			return left, err
		}
		if !strangers {
			return left, n.DelGroup(group)
		}
	}
	return left, fmt.Errorf("find an unused link group in %d tries", groupTries)
}

// strangersIn tells whether a group holds links other than those named, and those that their names say are ours. They would be
// deleted with them.
func strangersIn(n Netns, group uint32, names []string) (bool, error) {
	ours := setOf(names)
	strangers, err := n.Strangers(group, func(name string) bool { return ours[name] || IsLinkName(name) })
	return len(strangers) > 0, err
}

func setOf(names []string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}
	return set
}

func allFail(names []string, err error) map[string]error {
	errs := make(map[string]error, len(names))
	for _, name := range names {
		errs[name] = err
	}
	return errs
}
