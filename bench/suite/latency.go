package suite

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/braid-cni/braid/bench"
	"github.com/braid-cni/braid/bench/report"
)

// latency is ADD and DEL of one pod after another.
func (s *suite) latency(ctx context.Context) error {
	for _, c := range []struct{ networks, pods int }{{1, 100}, {3, 200}, {10, 40}} {
		m := &maker{suite: s}
		subjects := []bench.Subject{
			bench.NewFloor(c.networks, placeFloor), m.floorPlus(c.networks), m.reference(bench.Plain(), c.networks), m.braid(bench.Plain(), c.networks),
		}
		of := fmt.Sprintf("%d networks", c.networks)
		switch c.networks {
		case 1:
			of = "1 network"
		case 3:
			subjects = append(subjects, bench.NewFloor(1, placeOne).Named(report.OneLink))
		}
		if err := m.rounds(ctx, bench.Rounds{Section: report.Latency, Case: of, Rounds: s.n(c.pods)}, subjects...); err != nil {
			return err
		}
	}
	// Only what it takes to remove a single link is of interest.
	s.measured = slices.DeleteFunc(s.measured, func(m report.Measurement) bool { return m.Subject == report.OneLink && m.What == report.Add })
	return nil
}

// first is the pod before which there was no bridge. All make one, and Braid removes it again with the pod.
func (s *suite) first(ctx context.Context) error {
	m := &maker{suite: s}
	return m.rounds(ctx, bench.Rounds{Section: "first pod", Case: "1 network", Rounds: s.n(40), First: true},
		bench.NewFloor(1, placeFloor).Late(), m.reference(bench.Plain(), 1), m.braid(bench.Plain(), 1))
}

// plugins are other ways through the bridge plugin.
func (s *suite) plugins(ctx context.Context) error {
	for _, kind := range bench.Kinds() {
		m := &maker{suite: s}
		err := m.rounds(ctx, bench.Rounds{Section: "plugins", Case: kind.Name, Rounds: s.n(40)},
			bench.NewFloor(1, placeFloor), m.reference(kind, 1), m.braid(kind, 1))
		if err != nil {
			return err
		}
	}
	return nil
}

// addresses are the plugins that the runtime can ask for addresses by themselves.
func (s *suite) addresses(ctx context.Context) error {
	m := &maker{suite: s}
	agent := m.agent()
	if m.err != nil {
		return m.err
	}
	if err := agent.Start(ctx); err != nil {
		return err
	}
	defer agent.Stop()
	for _, plugin := range bench.IPAMs() {
		err := m.rounds(ctx, bench.Rounds{Section: "addresses", Case: plugin, Rounds: s.n(50)},
			bench.ReferenceIPAM(s.Plugins, m.dir("reference"), plugin), bench.BraidIPAM(agent, plugin))
		if err != nil {
			return err
		}
	}
	return nil
}

// once is Braid without a daemon.
func (s *suite) once(ctx context.Context) error {
	m := &maker{suite: s}
	return m.rounds(ctx, bench.Rounds{Section: "once", Case: report.ThreeNetworks, Rounds: s.n(40)},
		bench.NewFloor(3, placeFloor), m.reference(bench.Plain(), 3), bench.NewOnce(s.Braid, m.dir("once"), bench.Plain(), 3))
}

// programs is what executing them takes that a runtime executes.
func (s *suite) programs(ctx context.Context) (err error) {
	rounds := s.n(100)
	dir, err := s.dir("echo")
	if err != nil {
		return err
	}
	echo, err := bench.NewEcho(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, echo.Close()) }()
	err = s.add(bench.Starts(ctx, "programs", "a call that is answered at once", "exec to exit", rounds, echo.Del(report.Braid, filepath.Join(s.Braid, "braid"))))
	if err != nil {
		return err
	}
	version := func(subject, dir, name string) bench.Program {
		return bench.CNIVersion(subject, filepath.Join(dir, name))
	}
	return s.add(bench.Starts(ctx, "programs", "VERSION", "exec to exit", rounds,
		version("empty Go program", s.Braid, "nothing"), version(report.Reference, s.Plugins, "bridge"), version(report.Braid, s.Braid, "braid")))
}
