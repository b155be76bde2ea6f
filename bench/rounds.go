package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/braid-cni/braid/bench/report"
)

// Rounds measure ADD and DEL pod by pod: in each every subject adds one new pod, then every subject deletes it, so that
// whatever else the machine does meets all of them.
type Rounds struct {
	Section, Case string
	Rounds        int
	// First forgets after each pod what its networks left: every pod is the first of its networks.
	First bool
	// Each is called after each round.
	Each func()
}

// Run measures a team. Its measurements are all ADDs, then all DELs.
func (r Rounds) Run(ctx context.Context, t *Team) ([]report.Measurement, error) {
	adds, dels := r.measurements(t, report.Add), r.measurements(t, report.Del)
	for round := range r.Rounds {
		pods, err := t.pods.Take(len(t.subjects))
		if err != nil {
			return nil, err
		}
		if err := r.verb(ctx, t, round, pods, adds, Subject.Add); err != nil {
			return nil, err
		}
		if err := r.verb(ctx, t, round, pods, dels, Subject.Del); err != nil {
			return nil, err
		}
		t.pods.Give(pods...)
		if err := r.after(t); err != nil {
			return nil, err
		}
	}
	return append(adds, dels...), nil
}

func (r Rounds) measurements(t *Team, what string) []report.Measurement {
	all := make([]report.Measurement, len(t.subjects))
	for i, s := range t.subjects {
		all[i] = report.Measurement{Section: r.Section, Case: r.Case, What: what, Subject: s.Name(), Unit: "ms"}
	}
	return all
}

// verb measures one verb of every subject.
func (r Rounds) verb(ctx context.Context, t *Team, round int, pods []*Pod, into []report.Measurement, do func(Subject, context.Context, *Pod) error) error {
	return t.turn(round, func(i int, s Subject) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		began := time.Now()
		if err := do(s, ctx, pods[i]); err != nil {
			return fmt.Errorf("%s: %w", into[i].What, err)
		}
		into[i].Time(time.Since(began))
		if err := verify(pods[i], into[i].What == report.Add, s.Networks()); err != nil {
			return fmt.Errorf("after %s: %w", into[i].What, err)
		}
		return nil
	})
}

// after ends a round.
func (r Rounds) after(t *Team) error {
	for _, s := range t.subjects {
		if f, ok := s.(Forgetter); ok && r.First {
			if err := f.Forget(); err != nil {
				return fmt.Errorf("make %s forget its networks: %w", s.Name(), err)
			}
		}
	}
	if r.Each != nil {
		r.Each()
	}
	return nil
}
