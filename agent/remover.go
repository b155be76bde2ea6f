package agent

import (
	"context"
	"fmt"
	"time"
)

const (
	firstRemoval = 5 * time.Second
	lastRemoval  = 5 * time.Minute
)

// A Remover is the task that goes on with DELs that failed. The runtime tries again too, but may forget the container, or
// be told to by force; what a plugin could not take away then would stay for ever.
type Remover struct {
	agent *Agent
	queue retryQueue
}

var _ Task = (*Remover)(nil)

// NewRemover returns the Remover of an agent, which hands failed DELs to it from now on.
func NewRemover(a *Agent) *Remover { return newRemover(a, firstRemoval) }

func newRemover(a *Agent, first time.Duration) *Remover {
	r := &Remover{agent: a, queue: newRetryQueue(a.Log, "what a DEL left is still there", "container", first, lastRemoval)}
	a.removeLater = r.queue.AddRateLimited
	return r
}

// String names the task.
func (r *Remover) String() string { return "remover" }

// Run takes away what DELs failed to, those of an agent before this one too.
func (r *Remover) Run(ctx context.Context) error {
	containers, err := r.agent.Store.Containers()
	if err != nil {
		r.agent.Log.Error("some stored containers cannot be read", "error", err)
	}
	for _, c := range containers {
		if c.Removing {
			r.queue.Add(c.Key())
		}
	}
	r.queue.work(ctx, 1, r.agent.resume)
	return nil
}

// resume goes on with the removal of a container, unless it is gone or somebody has attached it again.
func (a *Agent) resume(ctx context.Context, key string) error {
	c, err := a.Store.Container(key)
	if err != nil || c == nil {
		return err
	}
	release, err := a.hold(ctx, c.ID)
	if err != nil {
		return err
	}
	defer release()
	if c, err = a.Store.Container(key); err != nil || c == nil || !c.Removing {
		return err
	}
	if err := a.takeAway(ctx, c, a.netns(c.Netns)); err != nil {
		return podRecordError(c, fmt.Errorf("remove: %w", err))
	}
	return a.Store.Forget(key)
}
