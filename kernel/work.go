package kernel

import (
	"errors"
	"maps"
	"slices"
)

// A Companion names links that are of no use once others are gone, such as a bridge without its last port: gone tells which go.
// Release, when it is not nil, is called after they are deleted: until then nobody may begin to use them.
type Companion func(gone func(link string) bool) (links []string, release func(), err error)

// work is what teardowns want done before they release anything.
type work struct {
	links []string
	// companions are asked once each, by key.
	companions map[string]Companion
}

func (w *work) empty() bool { return len(w.links) == 0 && len(w.companions) == 0 }

func (w *work) with(key string, c Companion) {
	if w.companions == nil {
		w.companions = make(map[string]Companion)
	}
	w.companions[key] = c
}

// add takes over what another wants.
func (w *work) add(other *work) {
	w.links = append(w.links, other.links...)
	for key, c := range other.companions {
		w.with(key, c)
	}
}

// done is what became of some work: the errors by link, by key of a companion, and that of the elements, which is everybody's.
type done struct {
	links, companions map[string]error
	elements          error
}

// errorOf joins the errors that concern a part of the work.
func (d done) errorOf(w *work) error {
	errs := []error{d.elements}
	for _, name := range w.links {
		errs = append(errs, d.links[name])
	}
	for key := range w.companions {
		errs = append(errs, d.companions[key])
	}
	return errors.Join(errs...)
}

// removeAll deletes links with their companions, in one call, and then the elements that they own. Gone tells which links go, with
// these or at the same time.
func removeAll(k Kernel, w *work, gone func(link string) bool) done {
	d := done{companions: make(map[string]error)}
	along := w.along(&d, gone)
	defer along.release()
	d.links = removeLinks(k, append(slices.Clone(w.links), along.links...))
	for link, key := range along.of {
		d.companions[key] = errors.Join(d.companions[key], d.links[link])
	}
	owned := make(map[string]bool, len(w.links))
	for _, name := range w.links {
		owned[name] = d.links[name] == nil
	}
	if len(owned) > 0 {
		d.elements = removeElementsOf(k, owned)
	}
	return d
}

// company is the links that go along, with the key of who named them.
type company struct {
	links    []string
	of       map[string]string
	releases []func()
}

// along asks the companions, in the order of their keys: whoever holds several at once does it in that order.
func (w *work) along(d *done, gone func(link string) bool) *company {
	all := &company{of: make(map[string]string)}
	for _, key := range slices.Sorted(maps.Keys(w.companions)) {
		links, release, err := w.companions[key](gone)
		if release != nil {
			all.releases = append(all.releases, release)
		}
		d.companions[key] = err
		for _, link := range links {
			all.links, all.of[link] = append(all.links, link), key
		}
	}
	return all
}

func (c *company) release() {
	for _, release := range c.releases {
		release()
	}
}

func removeElementsOf(k Kernel, links map[string]bool) error {
	host, err := k.Host()
	if err != nil {
		return err
	}
	defer host.Close()
	return RemoveElements(host, func(o Owner) bool { return links[o.Link] })
}
