package agent

import (
	"context"
	"log/slog"
	"sync"

	"github.com/braid-cni/braid/cluster"
)

// Conditions is the task that writes a condition to the agent's Node, again until it lands.
type Conditions struct {
	view  cluster.View
	queue retryQueue

	mu     sync.Mutex
	wanted map[string]cluster.Condition // by type
}

var _ Task = (*Conditions)(nil)

// NewConditions returns Conditions, which do nothing before Run.
func NewConditions(view cluster.View, log *slog.Logger) *Conditions {
	return &Conditions{
		view: view, wanted: map[string]cluster.Condition{},
		queue: newRetryQueue(log, "the node's condition is not written yet", "condition", firstRetry, lastRetry),
	}
}

// String names the task.
func (c *Conditions) String() string { return "node conditions" }

// Set says what the condition of its type is from now on. It does not block.
func (c *Conditions) Set(condition cluster.Condition) {
	c.mu.Lock()
	before, known := c.wanted[condition.Type]
	c.wanted[condition.Type] = condition
	c.mu.Unlock()
	if !known || before != condition {
		c.queue.Add(condition.Type)
	}
}

// Run writes until ctx is done.
func (c *Conditions) Run(ctx context.Context) error {
	c.queue.work(ctx, 1, c.write)
	return nil
}

// write writes the condition of a type.
func (c *Conditions) write(ctx context.Context, typ string) error {
	c.mu.Lock()
	condition := c.wanted[typ]
	c.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, publishWithin)
	defer cancel()
	return c.view.PublishCondition(ctx, condition)
}
