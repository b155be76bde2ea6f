// Package suite is what the benchmark measures: sections, each with the subjects that are compared in it and the number of
// pods that they get.
package suite

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/braid-cni/braid/bench"
	"github.com/braid-cni/braid/bench/apiserver"
	"github.com/braid-cni/braid/bench/report"
)

// Options say what is measured, and of what.
type Options struct {
	// Dir is a folder for namespaces, state and leases, on the disk to measure.
	Dir string
	// Plugins is the folder of the reference plugins, Braid that of BuildBraid.
	Plugins, Braid string
	// API are the programs of an API server, nil to measure without one. Definition is the file that defines
	// NetworkAttachmentDefinitions.
	API        *apiserver.Programs
	Definition string
	// Sections are the names of those to measure, all if empty.
	Sections []string
	// Percent of the pods are measured: 100 for all.
	Percent int
	// Say tells how far the suite is.
	Say func(format string, args ...any) `json:"-"`
}

// A suite is one run.
type suite struct {
	Options
	pods     *bench.Pods
	measured []report.Measurement
	folders  int
}

// A section measures one thing.
type section struct {
	name string
	run  func(*suite, context.Context) error
	// api says that it needs an API server.
	api bool
}

// sections are all, in the order in which they run. What has the least to do with others comes first; the API server,
// which is never quite idle, last.
func sections() []section {
	return []section{
		{name: report.Latency, run: (*suite).latency},
		{name: "first pod", run: (*suite).first},
		{name: "plugins", run: (*suite).plugins},
		{name: "addresses", run: (*suite).addresses},
		{name: "once", run: (*suite).once},
		{name: "programs", run: (*suite).programs},
		{name: "fsyncs", run: (*suite).syncs},
		{name: report.Throughput, run: (*suite).throughput},
		{name: report.Drain, run: (*suite).drain},
		{name: "cluster", run: (*suite).cluster, api: true},
	}
}

// Names are the sections' names.
func Names() (names []string) {
	for _, s := range sections() {
		names = append(names, s.name)
	}
	return names
}

// Run measures the sections. It must run in network and mount namespaces of its own, as root.
func Run(ctx context.Context, o Options) (_ []report.Measurement, err error) {
	for _, name := range o.Sections {
		if !slices.Contains(Names(), name) {
			return nil, fmt.Errorf("section %q is none of %s", name, strings.Join(Names(), ", "))
		}
	}
	if err := setLoopbackUp(); err != nil {
		return nil, err
	}
	s := &suite{Options: o}
	if s.pods, err = bench.NewPods(filepath.Join(o.Dir, "netns")); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.pods.Close()) }()
	for _, section := range sections() {
		if err := s.section(ctx, section); err != nil {
			return nil, fmt.Errorf("measure %s: %w", section.name, err)
		}
	}
	return s.measured, nil
}

// setLoopbackUp makes 127.0.0.1 usable in this network namespace: agents and the API server listen there.
func setLoopbackUp() error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("find the loopback: %w", err)
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		return fmt.Errorf("set the loopback up: %w", err)
	}
	return nil
}

func (s *suite) section(ctx context.Context, section section) error {
	wanted := len(s.Sections) == 0 || slices.Contains(s.Sections, section.name)
	if !wanted || section.api && s.API == nil {
		return nil
	}
	began := time.Now()
	s.Say("%s begins", section.name)
	defer func() { s.Say("%s took %.0f s", section.name, time.Since(began).Seconds()) }()
	return section.run(s, ctx)
}

// n is the number of pods or rounds to measure where a whole run has so many.
func (s *suite) n(whole int) int { return max(1, whole*s.Percent/100) }

// dir makes a new folder.
func (s *suite) dir(name string) (string, error) {
	s.folders++
	path := filepath.Join(s.Dir, fmt.Sprintf("%d-%s", s.folders, name))
	return path, bench.MakeFolder(path)
}

// add keeps measurements.
func (s *suite) add(measured []report.Measurement, err error) error {
	s.measured = append(s.measured, measured...)
	return err
}

// progress says every few seconds how many rounds are done.
func (s *suite) progress(what string, of int) func() {
	done, said := 0, time.Now()
	return func() {
		if done++; time.Since(said) > 5*time.Second {
			said = time.Now()
			s.Say("%s: %d of %d", what, done, of)
		}
	}
}
