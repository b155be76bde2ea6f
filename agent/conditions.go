package agent

import (
	"context"
	"log/slog"
	"sync"

	"k8s.io/client-go/util/workqueue"

	"github.com/braid-cni/braid/cluster"
)

// Conditions is the task that writes a condition to the agent's Node, again until it lands.
type Conditions struct {
	view  cluster.View
	log   *slog.Logger
	queue workqueue.TypedRateLimitingInterface[string]

	mu     sync.Mutex
	wanted map[string]cluster.Condition // by type
}

var _ Task = (*Conditions)(nil)

// NewConditions returns Conditions, which do nothing before Run.
func NewConditions(view cluster.View, log *slog.Logger) *Conditions {
	limiter := workqueue.NewTypedItemExponentialFailureRateLimiter[string](firstRetry, lastRetry)
	return &Conditions{view: view, log: log, queue: workqueue.NewTypedRateLimitingQueue(limiter), wanted: map[string]cluster.Condition{}}
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
	stop := context.AfterFunc(ctx, c.queue.ShutDown)
	defer stop()
	for c.next(ctx) {
	}
	return nil
}

// next writes one condition, and returns false when the list is closed.
func (c *Conditions) next(ctx context.Context) bool {
	typ, closed := c.queue.Get()
	if closed {
		return false
	}
	defer c.queue.Done(typ)
	c.mu.Lock()
	condition := c.wanted[typ]
	c.mu.Unlock()
	within, cancel := context.WithTimeout(ctx, publishWithin)
	defer cancel()
	if err := c.view.PublishCondition(within, condition); err != nil && ctx.Err() == nil {
		c.log.Warn("the node's condition is not written yet", "condition", typ, "error", err)
		c.queue.AddRateLimited(typ)
	} else {
		c.queue.Forget(typ)
	}
	return true
}
