package agent

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/braid-cni/braid/ipam"
	"github.com/braid-cni/braid/netattach"
	"github.com/braid-cni/braid/wire"
)

const (
	// statusWithin is how long STATUS waits for a fresh answer before it gives the last one; the door waits a second.
	statusWithin = 700 * time.Millisecond
	// rewrittenWithin is how long another CNI may take to rewrite its file: a node is not made NotReady for that.
	rewrittenWithin = 500 * time.Millisecond
	// inquiryWithin bounds one inquiry, which may execute a plugin of another CNI.
	inquiryWithin = 30 * time.Second
)

// An inquiry is one look at whether the default network is ready. Its err is written before done is closed.
type inquiry struct {
	done chan struct{}
	err  error
}

// readiness remembers the last inquiry that came to its end, and the one that is under way. The zero value is ready.
type readiness struct {
	mu            sync.Mutex
	last, running *inquiry
}

// status is STATUS: ready once the caches were in sync and the default network can be planned and says it is ready. It
// does not wait for a plugin that is slow: the runtime holds a lock meanwhile, and what was true last time is the better
// answer than none.
func (a *Agent) status(ctx context.Context, r *wire.Request) error {
	if !a.View.Synced() {
		return invalid(codeNotAvailable, "the agent has not read the cluster yet: the API server may be out of reach")
	}
	q := a.readiness.inquire(func(ctx context.Context) error { return a.defaultReady(ctx, r) })
	select {
	case <-q.done:
	case <-time.After(statusWithin):
		q = a.readiness.latest()
	case <-ctx.Done():
		q = a.readiness.latest()
	}
	if q == nil {
		return invalid(codeNotAvailable, "the default network has not said yet whether it is ready")
	}
	if q.err != nil {
		return q.err
	}
	return a.markReady()
}

// inquire starts an inquiry unless one is under way, and returns it.
func (r *readiness) inquire(ask func(context.Context) error) *inquiry {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running != nil {
		return r.running
	}
	q := &inquiry{done: make(chan struct{})}
	r.running = q
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), inquiryWithin)
		defer cancel()
		q.err = ask(ctx)
		r.mu.Lock()
		r.last, r.running = q, nil
		r.mu.Unlock()
		close(q.done)
	}()
	return q
}

// latest returns the last inquiry that came to its end, nil before the first.
func (r *readiness) latest() *inquiry {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last
}

func (a *Agent) defaultReady(ctx context.Context, r *wire.Request) error {
	config, _, err := netattach.ParseConfig(r.Config)
	if err != nil {
		return invalid(types.ErrInvalidNetworkConfig, err.Error())
	}
	if config.ClusterNetwork.IsZero() {
		return nil // a later link of another CNI's chain: the runtime asks those before it itself
	}
	network, err := a.defaultNetwork(ctx, config, rewrittenWithin)
	if err != nil {
		return invalid(codeNotAvailable, "the default network is not ready: "+err.Error())
	}
	if err := a.Delegator.Status(ctx, network.Config, pluginPath(r, config), ipam.Policy(config.Builtins)); err != nil {
		return fmt.Errorf("the default network %q is not ready: %w", network.Network, err)
	}
	return nil
}

// markReady tells the door that the agent was ready now.
func (a *Agent) markReady() error {
	if err := os.MkdirAll(filepath.Dir(a.ReadyMark), 0o700); err != nil {
		return fmt.Errorf("leave the ready mark: %w", err)
	}
	if err := os.WriteFile(a.ReadyMark, nil, 0o600); err != nil {
		return fmt.Errorf("leave the ready mark: %w", err)
	}
	now := time.Now()
	return os.Chtimes(a.ReadyMark, now, now)
}
