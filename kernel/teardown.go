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
	remove func(ctx context.Context, names []string) error

	mu       sync.Mutex
	names    []string
	releases []func(context.Context) error
}

// NewTeardown returns a Teardown of its own; Reaper.Teardown returns one that shares kernel calls with others.
func NewTeardown(k Kernel) *Teardown {
	return &Teardown{remove: func(_ context.Context, names []string) error {
		return errorOf(removeLinks(k, names), names)
	}}
}

// Links hands over host-side links by name. A name that does not exist counts as removed.
func (t *Teardown) Links(names ...string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.names = append(t.names, names...)
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
	names, releases := t.names, t.releases
	t.names, t.releases = nil, nil
	t.mu.Unlock()
	if len(names) > 0 {
		if err := t.remove(ctx, names); err != nil {
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
		if left, err = moveTo(n, group, names); err != nil || len(left) == 0 {
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

// moveTo puts links into a group and returns those that exist.
func moveTo(n Netns, group uint32, names []string) ([]string, error) {
	var moved []string
	for i, name := range names {
		err := n.SetLink(name, LinkChange{Group: group})
		if errors.Is(err, ErrNoLink) {
			continue
		}
		if err != nil {
			return append(moved, names[i:]...), err
		}
		moved = append(moved, name)
	}
	return moved, nil
}

// strangersIn tells whether a group holds links other than those named. They would be deleted with them.
func strangersIn(n Netns, group uint32, names []string) (bool, error) {
	ours := make(map[string]bool, len(names))
	for _, name := range names {
		ours[name] = true
	}
	links, err := n.Links()
	if err != nil {
		return false, err
	}
	for _, l := range links {
		if l.Group == group && !ours[l.Name] {
			return true, nil
		}
	}
	return false, nil
}

func allFail(names []string, err error) map[string]error {
	errs := make(map[string]error, len(names))
	for _, name := range names {
		errs[name] = err
	}
	return errs
}

// errorOf joins the errors of some of the names.
func errorOf(errs map[string]error, names []string) error {
	var mine []error
	for _, name := range names {
		if err := errs[name]; err != nil {
			mine = append(mine, err)
		}
	}
	return errors.Join(mine...)
}
