package suite

import (
	"slices"

	"github.com/braid-cni/braid/bench"
	"github.com/braid-cni/braid/bench/report"
)

// sizes are an agent's memory and goroutines at several times.
type sizes struct {
	section string
	all     []report.Measurement
}

func newSizes(section string) *sizes { return &sizes{section: section} }

// take reads them.
func (s *sizes) take(of string, agent *bench.Agent) error {
	if err := s.memory(of, "", agent); err != nil {
		return err
	}
	return s.routines(of, agent)
}

// idle reads what an agent is that has nothing to do.
func (s *sizes) idle(of string, agent *bench.Agent) error {
	if err := s.memory(of, ", idle for a second", agent); err != nil {
		return err
	}
	return s.routines(of, agent)
}

// memory reads the resident memory. When is added to the name of the quantity.
func (s *sizes) memory(of, when string, agent *bench.Agent) error {
	resident, anonymous, err := agent.Memory()
	if err != nil {
		return err
	}
	s.sample(of, report.Memory+when, "MB", resident)
	s.sample(of, "anonymous"+when, "MB", anonymous)
	return nil
}

// routines reads the goroutines.
func (s *sizes) routines(of string, agent *bench.Agent) error {
	routines, err := agent.Goroutines()
	if err != nil {
		return err
	}
	s.sample(of, report.Routines, "", routines)
	return nil
}

// sample adds one value.
func (s *sizes) sample(of, what, unit string, value float64) {
	i := slices.IndexFunc(s.all, func(m report.Measurement) bool { return m.Case == of && m.What == what })
	if i < 0 {
		i = len(s.all)
		s.all = append(s.all, report.Measurement{Section: s.section, Case: of, What: what, Subject: report.Braid, Unit: unit})
	}
	s.all[i].Values = append(s.all[i].Values, value)
}
