package agent

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"k8s.io/client-go/util/workqueue"

	"github.com/braid-cni/braid/cluster"
	"github.com/braid-cni/braid/store"
)

const (
	firstRetry = 100 * time.Millisecond
	lastRetry  = 30 * time.Second
	// publishWithin bounds one call to the API server.
	publishWithin = 10 * time.Second
	// publishers is how many statuses are published at the same time.
	publishers = 4
)

// A Publisher is the task that writes network-status annotations: from the store, after the pod's ADD was answered,
// and again until it lands or the pod is gone.
type Publisher struct {
	store *store.Store
	view  cluster.View
	log   *slog.Logger
	queue workqueue.TypedRateLimitingInterface[string]

	mu      sync.Mutex
	pending map[string]bool // keys on the list, those that wait for another try included
}

var _ Task = (*Publisher)(nil)

// NewPublisher returns a Publisher, which does nothing before Run.
func NewPublisher(s *store.Store, view cluster.View, log *slog.Logger) *Publisher {
	limiter := workqueue.NewTypedItemExponentialFailureRateLimiter[string](firstRetry, lastRetry)
	return &Publisher{
		store: s, view: view, log: log, queue: workqueue.NewTypedRateLimitingQueue(limiter), pending: map[string]bool{},
	}
}

// String names the task.
func (p *Publisher) String() string { return "status publisher" }

// Publish puts a container's record on the list. It does not block.
func (p *Publisher) Publish(key string) {
	p.mark(key, true)
	p.queue.Add(key)
}

// Pending is how many statuses have not landed yet.
func (p *Publisher) Pending() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.pending)
}

func (p *Publisher) mark(key string, pending bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if pending {
		p.pending[key] = true
	} else {
		delete(p.pending, key)
	}
}

// Run publishes what is on the list and what an agent before this one left unpublished.
func (p *Publisher) Run(ctx context.Context) error {
	containers, err := p.store.Containers()
	if err != nil {
		p.log.Error("some stored containers cannot be read", "error", err)
	}
	for _, c := range containers {
		if c.Attached && !c.Published {
			p.Publish(c.Key())
		}
	}
	stop := context.AfterFunc(ctx, p.queue.ShutDown)
	defer stop()
	done := make(chan struct{})
	for range publishers {
		go func() {
			for p.next(ctx) {
			}
			done <- struct{}{}
		}()
	}
	for range publishers {
		<-done
	}
	return nil
}

// next handles one container, and returns false when the list is closed.
func (p *Publisher) next(ctx context.Context) bool {
	key, closed := p.queue.Get()
	if closed {
		return false
	}
	defer p.queue.Done(key)
	if err := p.publish(ctx, key); err != nil && ctx.Err() == nil {
		p.log.Warn("a status is not published yet", "container", key, "error", err)
		p.queue.AddRateLimited(key)
	} else {
		p.queue.Forget(key)
		p.mark(key, false)
	}
	return true
}

// publish writes the status of one container, unless it is published, or the container or its pod are gone.
func (p *Publisher) publish(ctx context.Context, key string) error {
	c, err := p.store.Container(key)
	if err != nil {
		return err
	}
	if c == nil || !c.Attached || c.Published || c.Status == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, publishWithin)
	defer cancel()
	err = p.view.PublishStatus(ctx, cluster.PodRef(c.Pod), c.Status)
	if errors.Is(err, cluster.ErrNotFound) {
		p.log.Info("nobody to publish a status to", "container", key, "pod", c.Pod.String(), "error", err)
	} else if err != nil {
		return err
	}
	return p.store.Published(key, c.Status)
}
