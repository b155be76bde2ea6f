package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/braid-cni/braid/bench/report"
)

// meanwhile is how many pods at most are added during one drain.
const meanwhile = 200

// A Drain is the life of a full node: its pods start, and then all of them go.
type Drain struct {
	Crowd
	// Slow leaves a subject out of this many of the last rounds: one that takes its time.
	Slow map[string]int
	// Full is called when all pods of a subject are there.
	Full func(Subject) error
}

// draining are the measurements of a Drain.
type draining struct {
	starts, drains, adds []report.Measurement
}

// Run measures how long it takes to start all pods and to drain them, in two ways by turns: undisturbed, which says how long
// a drain takes, and while one pod after another is added, which says how long an ADD takes then.
func (d Drain) Run(ctx context.Context, t *Team) ([]report.Measurement, error) {
	m := draining{
		starts: d.measurements(t, report.Drain, "start", "ms"),
		drains: d.measurements(t, report.Drain, report.Drains, "ms"),
		adds:   d.measurements(t, report.Drain, "ADD meanwhile", "ms"),
	}
	for round := range d.Rounds {
		err := t.turn(round, func(i int, s Subject) error {
			if round >= d.Rounds-d.Slow[s.Name()] {
				return nil
			}
			return d.life(ctx, t, s, round%2 == 1, &m.starts[i], &m.drains[i], &m.adds[i])
		})
		if err != nil {
			return nil, err
		}
		d.each()
	}
	return append(append(m.starts, m.drains...), m.adds...), nil
}

// life starts and drains the node.
func (d Drain) life(ctx context.Context, t *Team, s Subject, disturbed bool, start, drained, adds *report.Measurement) error {
	pods, took, err := d.start(ctx, t, s)
	if err != nil {
		return err
	}
	start.Time(took)
	if d.Full != nil {
		if err := d.Full(s); err != nil {
			return err
		}
	}
	if disturbed {
		return d.disturbed(ctx, t, s, pods, adds)
	}
	began := time.Now()
	if err := drain(ctx, s, pods); err != nil {
		return fmt.Errorf("drain %d pods: %w", len(pods), err)
	}
	drained.Time(time.Since(began))
	t.pods.Give(pods...)
	return verifyAll(pods, false, s.Networks())
}

// disturbed drains the node while pods are added.
func (d Drain) disturbed(ctx context.Context, t *Team, s Subject, pods []*Pod, adds *report.Measurement) error {
	others, err := t.pods.Take(meanwhile)
	if err != nil {
		return err
	}
	defer func() { t.pods.Give(others...) }()
	done := make(chan error, 1)
	go func() { done <- drain(ctx, s, pods) }()
	for i, pod := range others {
		select {
		case err := <-done:
			return errors.Join(err, d.end(ctx, t, s, pods, others[:i]))
		default:
		}
		began := time.Now()
		if err := s.Add(ctx, pod); err != nil {
			return errors.Join(fmt.Errorf("ADD while %d pods are drained: %w", len(pods), err), <-done)
		}
		adds.Time(time.Since(began))
	}
	return errors.Join(<-done, d.end(ctx, t, s, pods, others))
}

// end looks after what a drain has left, and takes away what was added.
func (d Drain) end(ctx context.Context, t *Team, s Subject, pods, added []*Pod) error {
	t.pods.Give(pods...)
	return errors.Join(verifyAll(pods, false, s.Networks()), drain(ctx, s, added), verifyAll(added, false, s.Networks()))
}
