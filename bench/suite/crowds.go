package suite

import (
	"context"
	"errors"
	"fmt"

	"github.com/braid-cni/braid/bench"
	"github.com/braid-cni/braid/bench/report"
	"github.com/braid-cni/braid/bench/syscount"
)

const (
	// node is how many pods a full node has: the number that kubelet stops at by default.
	node = 110
	// crowd is how many pods start for one measurement of the throughput.
	crowd = 64
)

// throughput is how many pods a second start, by the number of those that start at the same time.
func (s *suite) throughput(ctx context.Context) error {
	m := &maker{suite: s}
	subjects := []bench.Subject{bench.NewFloor(3, placeFloor), m.reference(bench.Plain(), 3), m.braid(bench.Plain(), 3)}
	return m.team(ctx, true, func(t *bench.Team) error {
		for _, workers := range []int{1, 4, 8, 32} {
			of := report.Workers(workers)
			c := bench.Crowd{Case: of, Pods: max(workers, s.n(crowd)), Workers: workers, Rounds: s.n(5)}
			c.Each = s.progress(report.Throughput+", "+of, c.Rounds)
			if err := s.add(c.Throughput(ctx, t)); err != nil {
				return err
			}
		}
		return nil
	}, subjects...)
}

// agentSyncs are the agent's calls of fsync so far; false for others, and where the kernel does not count.
func agentSyncs(s bench.Subject) (int, bool, error) {
	braid, ok := s.(*bench.Braid)
	if !ok {
		return 0, false, nil
	}
	n, err := braid.Agent().Syncs()
	if errors.Is(err, syscount.ErrNotCounted) {
		return 0, false, nil
	}
	return n, true, err
}

// drain is the start and the end of a full node, and the agent's size meanwhile.
func (s *suite) drain(ctx context.Context) error {
	m := &maker{suite: s}
	agent := m.agent().Measured()
	size := newSizes("agent without a cluster")
	d := bench.Drain{Crowd: bench.Crowd{Case: fmt.Sprintf("%d pods x 3", s.n(node)), Pods: s.n(node), Workers: bench.DrainWorkers, Rounds: s.n(8)}}
	d.Slow = map[string]int{report.Reference: d.Rounds / 2}
	d.Each = s.progress(report.Drain, d.Rounds)
	d.Full = func(subject bench.Subject) error {
		if subject.Name() != report.Braid {
			return nil
		}
		return size.take(d.Case, agent)
	}
	subjects := []bench.Subject{
		bench.NewFloor(3, placeFloor), m.floorPlus(3), m.reference(bench.Plain(), 3), bench.NewBraid(agent, bench.Plain(), 3),
	}
	err := m.team(ctx, true, func(t *bench.Team) error {
		if err := size.take("1 pod", agent); err != nil {
			return err
		}
		return s.add(d.Run(ctx, t))
	}, subjects...)
	s.measured = append(s.measured, size.all...)
	return err
}
