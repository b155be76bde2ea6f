package agent

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"k8s.io/client-go/util/workqueue"
)

// A retryQueue holds the keys of what is to be done, each once, and again later when it failed.
type retryQueue struct {
	workqueue.TypedRateLimitingInterface[string]
	log *slog.Logger
	// failed is the log's message for a failure, what the word for a key.
	failed, what string
}

// newRetryQueue returns a queue whose pauses between tries double from first to last.
func newRetryQueue(log *slog.Logger, failed, what string, first, last time.Duration) retryQueue {
	limiter := workqueue.NewTypedItemExponentialFailureRateLimiter[string](first, last)
	return retryQueue{workqueue.NewTypedRateLimitingQueue(limiter), log, failed, what}
}

// work lets so many workers do what is on the list, until ctx is done and they are through.
func (q retryQueue) work(ctx context.Context, workers int, do func(ctx context.Context, key string) error) {
	stop := context.AfterFunc(ctx, q.ShutDown)
	defer stop()
	var running sync.WaitGroup
	for range workers {
		running.Go(func() {
			for q.next(ctx, do) {
			}
		})
	}
	running.Wait()
}

// next does one, and returns false when the list is closed.
func (q retryQueue) next(ctx context.Context, do func(context.Context, string) error) bool {
	key, closed := q.Get()
	if closed {
		return false
	}
	defer q.Done(key)
	if err := do(ctx, key); err != nil && ctx.Err() == nil {
		q.log.Warn(q.failed, q.what, key, "error", err)
		q.AddRateLimited(key)
	} else {
		q.Forget(key)
	}
	return true
}
