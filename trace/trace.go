// Package trace times the steps of one call, for people who ask where the time went.
package trace

import (
	"context"
	"time"
)

// A Step is a part of a call, named by what was done in it. Subject is what it was done for, empty for the whole call.
type Step struct {
	Subject, Name string
	Took          time.Duration
}

// A Trace is the steps of one call, one after another. It belongs to one goroutine at a time. A nil Trace takes steps and
// has none.
type Trace struct {
	subject string
	last    time.Time
	steps   []Step
}

// New returns a trace that begins now.
func New() *Trace { return &Trace{last: time.Now()} }

// Step ends a step, which began where the one before ended.
func (t *Trace) Step(name string) {
	if t == nil {
		return
	}
	now := time.Now()
	t.steps = append(t.steps, Step{t.subject, name, now.Sub(t.last)})
	t.last = now
}

// About names the subject of the steps from here on.
func (t *Trace) About(subject string) {
	if t != nil {
		t.subject = subject
	}
}

// Steps are the steps in their order, not to be changed.
func (t *Trace) Steps() []Step {
	if t == nil {
		return nil
	}
	return t.steps
}

type key struct{}

// With returns a context that carries the trace.
func With(ctx context.Context, t *Trace) context.Context { return context.WithValue(ctx, key{}, t) }

// From returns the trace that a context carries, nil for none.
func From(ctx context.Context) *Trace {
	t, _ := ctx.Value(key{}).(*Trace)
	return t
}
