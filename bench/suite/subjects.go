package suite

import (
	"context"

	"github.com/braid-cni/braid/bench"
)

// A maker constructs subjects and remembers the first error.
type maker struct {
	*suite
	err error
}

func (m *maker) dir(name string) string {
	path, err := m.suite.dir(name)
	if m.err == nil {
		m.err = err
	}
	return path
}

func (m *maker) floorPlus(networks int) *bench.FloorPlus {
	return bench.NewFloorPlus(m.dir("floor-plus"), networks, placePlus)
}

func (m *maker) reference(kind bench.Kind, networks int) *bench.Reference {
	return bench.NewReference(m.Plugins, m.dir("reference"), kind, networks)
}

func (m *maker) agent() *bench.Agent { return bench.NewAgent(m.Braid, m.dir("braid")) }

func (m *maker) braid(kind bench.Kind, networks int) *bench.Braid {
	return bench.NewBraid(m.agent(), kind, networks)
}

// Places of floors that are there at the same time.
const (
	placeFloor = iota
	placePlus
	placeOne
)

// team gathers subjects, measures with them, and dismisses them.
func (m *maker) team(ctx context.Context, settled bool, measure func(*bench.Team) error, subjects ...bench.Subject) error {
	if m.err != nil {
		return m.err
	}
	team, err := bench.Gather(ctx, m.pods, settled, subjects...)
	defer team.Dismiss()
	if err != nil {
		return err
	}
	return measure(team)
}

// rounds gathers subjects and measures ADD and DEL of them.
func (m *maker) rounds(ctx context.Context, r bench.Rounds, subjects ...bench.Subject) error {
	r.Each = m.progress(r.Section+", "+r.Case, r.Rounds)
	return m.team(ctx, !r.First, func(t *bench.Team) error { return m.add(r.Run(ctx, t)) }, subjects...)
}
