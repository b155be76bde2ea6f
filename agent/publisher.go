package agent

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

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
	queue retryQueue

	mu      sync.Mutex
	pending map[string]bool // keys on the list, those that wait for another try included
}

var _ Task = (*Publisher)(nil)

// NewPublisher returns a Publisher, which does nothing before Run.
func NewPublisher(s *store.Store, view cluster.View, log *slog.Logger) *Publisher {
	return &Publisher{
		store: s, view: view, log: log, pending: map[string]bool{},
		queue: newRetryQueue(log, "a status is not published yet", "container", firstRetry, lastRetry),
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
	p.queue.work(ctx, publishers, func(ctx context.Context, key string) error {
		err := p.publish(ctx, key)
		if err == nil {
			p.mark(key, false)
		}
		return err
	})
	return nil
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
