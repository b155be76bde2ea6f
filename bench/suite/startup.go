package suite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/braid-cni/braid/bench"
	"github.com/braid-cni/braid/bench/report"
)

const (
	// askEvery is how long the node waits between two questions for the status.
	askEvery = 2 * time.Millisecond
	// idle is how long an agent has nothing to do before its goroutines are counted.
	idle = time.Second
)

// startUp is the start of an agent with the pods of a full node in its store, and with none.
func (c *onCluster) startUp(ctx context.Context) error {
	rounds := c.n(5)
	size := newSizes(report.StartUp)
	if err := c.starts(ctx, size, report.EmptyNode, rounds); err != nil {
		return err
	}
	if err := c.fill(ctx, func() error {
		return c.starts(ctx, size, fmt.Sprintf("%d pods x 3", c.n(node)), rounds)
	}); err != nil {
		return err
	}
	return c.add(size.all, nil)
}

// fill has the pods of a full node started by an agent that is gone when f is called, and then taken away by another.
func (c *onCluster) fill(ctx context.Context, f func() error) (err error) {
	if err := c.more(ctx, c.n(node)); err != nil {
		return err
	}
	pods, err := c.pods.Take(c.n(node))
	if err != nil {
		return err
	}
	if err := c.running(ctx, func() error { return c.filled(ctx, pods) }); err != nil {
		return err
	}
	if err := f(); err != nil {
		return err
	}
	return c.running(ctx, func() error {
		defer c.pods.Give(pods...)
		return bench.Together(ctx, pods, c.braid.Del)
	})
}

// filled starts all pods, and waits until the API server has their statuses.
func (c *onCluster) filled(ctx context.Context, pods []*bench.Pod) error {
	of := fmt.Sprintf("%d pods x 3", len(pods))
	start := report.Measurement{Section: "cluster", Case: of, What: "start", Subject: report.Braid, Unit: "ms"}
	published := start
	published.What = "start, until all statuses are published"
	began := time.Now()
	if err := bench.Together(ctx, pods, c.braid.Add); err != nil {
		return fmt.Errorf("start %d pods: %w", len(pods), err)
	}
	start.Time(time.Since(began))
	if err := c.published(ctx); err != nil {
		return err
	}
	published.Time(time.Since(began))
	return c.add([]report.Measurement{start, published}, nil)
}

// running calls f while an agent runs.
func (c *onCluster) running(ctx context.Context, f func() error) (err error) {
	if err := c.braid.Start(ctx); err != nil {
		return errors.Join(err, c.braid.Stop(ctx))
	}
	defer func() { err = errors.Join(err, c.braid.Stop(ctx)) }()
	return f()
}

// starts starts the agent several times, and looks at its size when it is ready and when it has been idle for a while.
func (c *onCluster) starts(ctx context.Context, size *sizes, of string, rounds int) error {
	step := c.progress(report.StartUp+", "+of, rounds)
	for range rounds {
		if err := c.start(ctx, size, of); err != nil {
			return err
		}
		step()
	}
	return nil
}

func (c *onCluster) start(ctx context.Context, size *sizes, of string) (err error) {
	defer func() { err = errors.Join(err, c.braid.Stop(ctx)) }()
	if err := c.braid.Prepare(); err != nil {
		return err
	}
	if err := c.agent.Launch(); err != nil {
		return err
	}
	if err := c.braid.Ready(ctx, askEvery); err != nil {
		return err
	}
	size.sample(of, report.Ready, "ms", float64(time.Since(c.agent.Began()))/float64(time.Millisecond))
	if err := size.memory(of, "", c.agent); err != nil {
		return err
	}
	if err := pause(ctx, idle); err != nil {
		return err
	}
	return size.idle(of, c.agent)
}
