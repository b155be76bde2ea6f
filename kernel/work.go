package kernel

import (
	"context"
	"errors"
	"maps"
	"slices"
)

// work is what teardowns want done before they release anything.
type work struct {
	links []string
	// jobs are to be done once each, by key, in the order of keys.
	jobs map[string]func(context.Context) error
	keys []string
}

func (w *work) empty() bool { return len(w.links) == 0 && len(w.keys) == 0 }

func (w *work) once(key string, f func(context.Context) error) {
	if w.jobs == nil {
		w.jobs = make(map[string]func(context.Context) error)
	}
	if w.jobs[key] == nil {
		w.keys = append(w.keys, key)
	}
	w.jobs[key] = f
}

// add takes over what another wants.
func (w *work) add(other *work) {
	w.links = append(w.links, other.links...)
	for _, key := range other.keys {
		w.once(key, other.jobs[key])
	}
}

// done is what became of some work: the errors by link, by key of a job, and that of the elements, which is everybody's.
type done struct {
	links, jobs map[string]error
	elements    error
}

// errorOf joins the errors that concern a part of the work.
func (d done) errorOf(w *work) error {
	errs := []error{d.elements}
	for _, name := range w.links {
		errs = append(errs, d.links[name])
	}
	for _, key := range w.keys {
		errs = append(errs, d.jobs[key])
	}
	return errors.Join(errs...)
}

// removeAll deletes links, then the elements that they own, and then does the jobs, all of them even if one fails.
func removeAll(ctx context.Context, k Kernel, w *work) done {
	d := done{links: removeLinks(k, w.links), jobs: make(map[string]error)}
	owned := make(map[string]bool, len(w.links))
	for _, name := range w.links {
		owned[name] = d.links[name] == nil
	}
	if slices.Contains(slices.Collect(maps.Values(owned)), true) {
		d.elements = removeElementsOf(k, owned)
	}
	for _, key := range w.keys {
		d.jobs[key] = w.jobs[key](ctx)
	}
	return d
}

func removeElementsOf(k Kernel, links map[string]bool) error {
	host, err := k.Host()
	if err != nil {
		return err
	}
	defer host.Close()
	return RemoveElements(host, func(o Owner) bool { return links[o.Link] })
}
