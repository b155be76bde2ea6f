package suite

import (
	"context"

	"github.com/braid-cni/braid/bench"
	"github.com/braid-cni/braid/bench/report"
	"github.com/braid-cni/braid/bench/syscount"
)

// syncs is how often the agent waits for the disk, for one pod after another.
func (s *suite) syncs(ctx context.Context) error {
	m := &maker{suite: s}
	braid := bench.NewBraid(m.agent().Counted(), bench.Plain(), 3)
	add := report.Measurement{Section: "fsyncs", Case: report.ThreeNetworks, What: report.Add, Subject: report.Braid}
	del := add
	del.What = report.Del
	count := func(into *report.Measurement, do func(context.Context, *bench.Pod) error) func(*bench.Pod) error {
		return func(pod *bench.Pod) error {
			n, counted, err := s.counted(braid, func() error { return do(ctx, pod) })
			if counted {
				into.Values = append(into.Values, float64(n))
			}
			return err
		}
	}
	return m.team(ctx, true, func(t *bench.Team) error {
		for range s.n(20) {
			pods, err := s.pods.Take(1)
			if err != nil {
				return err
			}
			for _, step := range []func(*bench.Pod) error{count(&add, braid.Add), count(&del, braid.Del)} {
				if err := step(pods[0]); err != nil {
					return err
				}
			}
			s.pods.Give(pods...)
		}
		if err := s.add([]report.Measurement{add, del}, nil); err != nil {
			return err
		}
		return s.shared(ctx, t)
	}, braid)
}

// shared is the same for pods that start at the same time, whose agent writes to the disk for several at once.
func (s *suite) shared(ctx context.Context, t *bench.Team) error {
	for _, workers := range []int{8, 32} {
		c := bench.Crowd{Case: report.Workers(workers), Pods: max(workers, s.n(crowd)), Workers: workers, Rounds: s.n(3), Syncs: agentSyncs}
		measured, err := c.Throughput(ctx, t)
		for _, m := range measured {
			if m.What == bench.SyncsAPod {
				m.Section = "fsyncs"
				s.measured = append(s.measured, m)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// counted is how often the agent syncs while do runs; false where the kernel does not count.
func (s *suite) counted(braid *bench.Braid, do func() error) (n int, counted bool, err error) {
	before, counted, err := agentSyncs(braid)
	if err != nil {
		return 0, false, err
	}
	if !counted {
		s.Say("%v", syscount.ErrNotCounted)
	}
	if err := do(); err != nil {
		return 0, false, err
	}
	after, _, err := agentSyncs(braid)
	return after - before, counted, err
}
