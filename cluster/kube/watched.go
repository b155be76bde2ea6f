package kube

import (
	"context"
	"fmt"
	"sync"
	"time"

	"k8s.io/client-go/tools/cache"
)

// patience is how long an object that a cache does not have yet is waited for before the API server is asked:
// "kubectl apply" of a NetworkAttachmentDefinition and its pod together is usual, and so is a pod whose CNI call is
// faster than its watch event.
const patience = 250 * time.Millisecond

// watched is an informer that can be waited on.
type watched[T any] struct {
	informer cache.SharedInformer

	mu      sync.Mutex
	changed chan struct{} // closed and replaced at every change of the cache
}

func watch[T any](informer cache.SharedInformer) (*watched[T], error) {
	w := &watched[T]{informer: informer, changed: make(chan struct{})}
	if err := informer.SetTransform(trim); err != nil {
		return nil, fmt.Errorf("trim a watch cache: %w", err)
	}
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { w.announce() },
		UpdateFunc: func(any, any) { w.announce() },
	})
	if err != nil {
		return nil, fmt.Errorf("follow a watch cache: %w", err)
	}
	return w, nil
}

func (w *watched[T]) announce() {
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.changed)
	w.changed = make(chan struct{})
}

func (w *watched[T]) next() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.changed
}

// lookup returns the cached object that fits, waiting for it as long as patience lasts. It returns false when the
// cache does not have it by then, or at once when the cache was never filled: then only a live call can tell.
func (w *watched[T]) lookup(ctx context.Context, namespace, name string, fits func(T) bool) (T, bool) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		changed := w.next()
		if obj, ok := w.get(namespace, name); ok && fits(obj) {
			return obj, true
		}
		if !w.informer.HasSynced() {
			var none T
			return none, false
		}
		select {
		case <-changed:
		case <-ctx.Done():
			var none T
			return none, false
		}
	}
}

func (w *watched[T]) get(namespace, name string) (obj T, ok bool) {
	item, exists, err := w.informer.GetStore().GetByKey(namespace + "/" + name)
	if err != nil || !exists {
		return obj, false
	}
	obj, ok = item.(T)
	return obj, ok
}
