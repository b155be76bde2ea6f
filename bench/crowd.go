package bench

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/braid-cni/braid/bench/report"
)

// DrainWorkers is how many DELs are under way at the same time when a node is drained: all, since kubelet ends its pods side by
// side.
const DrainWorkers = 110

// SyncsAPod is what Throughput calls the calls of fsync.
const SyncsAPod = "fsyncs a pod"

// A Crowd is many pods that start at the same time.
type Crowd struct {
	Case string
	Pods int
	// Workers is how many ADDs are under way at the same time.
	Workers int
	Rounds  int
	// Syncs are the calls of fsync of a subject so far; false for one that is not counted.
	Syncs func(Subject) (int, bool, error)
	// Each is called after each round.
	Each func()
}

// Throughput measures how many pods a second get their networks, and with Syncs what that is in calls of fsync a pod. The
// pods' namespaces are there before.
func (c Crowd) Throughput(ctx context.Context, t *Team) ([]report.Measurement, error) {
	rates, syncs := c.measurements(t, report.Throughput, report.Add, "pods/s"), c.measurements(t, report.Throughput, SyncsAPod, "")
	for round := range c.Rounds {
		err := t.turn(round, func(i int, s Subject) error { return c.rate(ctx, t, s, &rates[i], &syncs[i]) })
		if err != nil {
			return nil, err
		}
		c.each()
	}
	none := func(m report.Measurement) bool { return len(m.Values) == 0 }
	return append(rates, slices.DeleteFunc(syncs, none)...), nil
}

// rate measures one subject once.
func (c Crowd) rate(ctx context.Context, t *Team, s Subject, rate, syncs *report.Measurement) error {
	before, counted, err := c.syncs(s)
	if err != nil {
		return err
	}
	pods, took, err := c.start(ctx, t, s)
	if err != nil {
		return err
	}
	rate.Values = append(rate.Values, float64(c.Pods)/took.Seconds())
	if after, _, err := c.syncs(s); err != nil {
		return err
	} else if counted {
		syncs.Values = append(syncs.Values, float64(after-before)/float64(c.Pods))
	}
	return t.leave(ctx, s, pods)
}

func (c Crowd) syncs(s Subject) (n int, counted bool, err error) {
	if c.Syncs == nil {
		return 0, false, nil
	}
	return c.Syncs(s)
}

// start gives new pods their networks and says how long that took.
func (c Crowd) start(ctx context.Context, t *Team, s Subject) (pods []*Pod, took time.Duration, err error) {
	if err := ctx.Err(); err != nil {
		return nil, 0, err
	}
	if pods, err = t.crowd(c.Pods); err != nil {
		return nil, 0, err
	}
	began := time.Now()
	if err := together(ctx, c.Workers, pods, s.Add); err != nil {
		return nil, 0, fmt.Errorf("start %d pods: %w", c.Pods, err)
	}
	took = time.Since(began)
	return pods, took, verifyAll(pods, true, s.Networks())
}

// crowd takes pods of which all links can go in one call.
func (t *Team) crowd(n int) ([]*Pod, error) {
	pods, err := t.pods.Take(n)
	for _, pod := range pods {
		pod.Group = pods[0].Group
	}
	return pods, err
}

func (c Crowd) measurements(t *Team, section, what, unit string) []report.Measurement {
	all := make([]report.Measurement, len(t.subjects))
	for i, s := range t.subjects {
		all[i] = report.Measurement{Section: section, Case: c.Case, What: what, Subject: s.Name(), Unit: unit}
	}
	return all
}

func (c Crowd) each() {
	if c.Each != nil {
		c.Each()
	}
}
