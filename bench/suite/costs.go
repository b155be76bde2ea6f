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
	braid := m.braid(bench.Plain(), 3)
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
	return m.team(ctx, true, func(*bench.Team) error {
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
		return s.add([]report.Measurement{add, del}, nil)
	}, braid)
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
