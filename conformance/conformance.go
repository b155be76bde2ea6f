// Package conformance examines CNI plugins in the way a container runtime uses them: it executes them, and compares what
// they answer with what the kernel then has.
//
// Each run has a host of its own: a network namespace with an uplink eth0, and a mount namespace in which /run and
// /var/lib are empty. Nothing of the machine changes. Seventeen steps, each for every version of the CNI specification,
// go from VERSION to bad input; the table in steps.go names them and the clauses they are from.
package conformance

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// callWithin is how long one execution of a plugin may take unless Options say so.
	callWithin = 30 * time.Second
	// uplink is the fake host's link to the outside, and its address.
	uplink        = "eth0"
	uplinkAddress = "192.0.2.1/24"
	uplinkGateway = "192.0.2.254"
)

// Options say what is examined. BinDirs and Config are required.
type Options struct {
	// Name is the subject's in the report; empty for the names of the plugins.
	Name string
	// BinDirs are absolute folders in which plugins are found, as CNI_PATH. None may be below /run or /var/lib, which are
	// the run's own.
	BinDirs []string
	// Config is a network configuration, or a list of them, as a runtime reads it. Its cniVersion is replaced by each of
	// Versions. The uplink eth0 is there for plugins that need a master.
	Config []byte
	// CapabilityArgs are what the runtime offers, by capability; each plugin gets those that it declares.
	CapabilityArgs map[string]any
	// Args is CNI_ARGS.
	Args string
	// Env holds further variables of the plugins' environment, "K=V".
	Env []string
	// Daemon is a program that the plugin needs, started on each fake host; nil for none.
	Daemon *Daemon
	// Versions of the CNI specification; empty for all from 0.3.1 to 1.1.0.
	Versions []string
	// Steps are the numbers of those to take; empty for all.
	Steps []int
	// Skip names steps that do not apply to the configuration, by number, with the reason.
	Skip map[int]string
	// Timeout bounds one execution of a plugin; 0 for 30 seconds.
	Timeout time.Duration
}

// A Daemon runs beside a plugin, in the namespaces of the fake host.
type Daemon struct {
	// Command is the program with its arguments. It is stopped by SIGTERM.
	Command []string
	// Ready is a file that appears once the daemon can be called; a socket must also take connections. Empty does not wait.
	Ready string
}

// Versions returns the versions of the CNI specification that can be examined, oldest first.
func Versions() []string { return []string{"0.3.1", "0.4.0", "1.0.0", "1.1.0"} }

// Run examines what the options name and reports on each step. A plugin that fails is no error; mistakes in the options
// are, all at once, and a machine on which no namespaces can be made: it needs root. Run returns when ctx ends, with its
// error; whatever it started is stopped.
func Run(ctx context.Context, o Options) (*Report, error) {
	s, err := newSuite(o)
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(s.dir)
	report := newReport(s)
	found := make([]findings, len(s.Versions))
	errs := make([]error, len(s.Versions))
	var running sync.WaitGroup
	for i, version := range s.Versions {
		running.Go(func() { found[i], errs[i] = s.at(version).examine(ctx, version) })
	}
	running.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	for _, f := range found {
		report.add(f)
	}
	return report, nil
}

// findings are those of one version: the results by step, and what stays on the host.
type findings struct {
	results map[int]Result
	stays   []string
}

// at is the suite with a folder for one version.
func (s *suite) at(version string) *suite {
	one := *s
	one.dir = filepath.Join(s.dir, version)
	return &one
}

// A suite is a run with its options checked.
type suite struct {
	Options
	network *network
	// dir is on the machine, for the doubles and their notes.
	dir string
	// nft and iptables are where nft and iptables-save lie, each empty when it is not installed.
	nft, iptables string
}

func newSuite(o Options) (*suite, error) {
	if len(o.Versions) == 0 {
		o.Versions = Versions()
	}
	if o.Timeout == 0 {
		o.Timeout = callWithin
	}
	n, err := parseNetwork(o.Config, o.CapabilityArgs)
	if err := errors.Join(err, o.mistakes()); err != nil {
		return nil, fmt.Errorf("read the options: %w", err)
	}
	if os.Geteuid() != 0 {
		return nil, errors.New("make network namespaces: it needs root")
	}
	if err := n.find(o.BinDirs); err != nil {
		return nil, err
	}
	s := &suite{Options: o, network: n}
	s.nft, _ = exec.LookPath("nft")
	s.iptables, _ = exec.LookPath("iptables-save")
	if s.dir, err = os.MkdirTemp("", "cniconform-"); err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	return s, nil
}

// mistakes are those of everything but the configuration.
func (o *Options) mistakes() error {
	var errs []error
	if len(o.BinDirs) == 0 {
		errs = append(errs, errors.New("no folder of plugins is named"))
	}
	for _, dir := range o.BinDirs {
		real, err := filepath.EvalSymlinks(dir)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("folder of plugins: %w", err))
		case !filepath.IsAbs(dir):
			errs = append(errs, fmt.Errorf("folder of plugins %q is not an absolute path", dir))
		case slices.ContainsFunc(covered, func(c string) bool { return strings.HasPrefix(real+"/", c+"/") }):
			errs = append(errs, fmt.Errorf("folder of plugins %q is below one of %s, which are the run's own: copy it elsewhere", dir, strings.Join(covered, ", ")))
		}
	}
	for _, v := range o.Versions {
		if !slices.Contains(Versions(), v) {
			errs = append(errs, fmt.Errorf("version %q is none of %s", v, strings.Join(Versions(), ", ")))
		}
	}
	for _, n := range o.Steps {
		if n < 1 || n > len(steps()) {
			errs = append(errs, fmt.Errorf("step %d is not one of 1 to %d", n, len(steps())))
		}
	}
	return errors.Join(errs...)
}

// cniPath is CNI_PATH: the doubles first.
func (s *suite) cniPath() string {
	return strings.Join(append([]string{s.doubles()}, s.BinDirs...), ":")
}

func (s *suite) doubles() string { return filepath.Join(s.dir, "bin") }

// examine takes the steps at one version. A host serves until a step leaves something on it.
func (s *suite) examine(ctx context.Context, version string) (f findings, err error) {
	f.results = map[int]Result{}
	var h *host
	defer func() { h.close() }()
	for _, st := range steps() {
		if !s.takes(st.number) {
			continue
		}
		if reason := s.notApplicable(st, version); reason != "" {
			f.results[st.number] = Result{Version: version, Outcome: NotApplicable, Reasons: []string{reason}}
			continue
		}
		if h == nil {
			if h, err = s.newHost(ctx, version); err != nil {
				return f, err
			}
			f.stays = append(f.stays, h.stays...)
		}
		t := &trial{ctx: ctx, suite: s, step: st.number, network: s.network.at(version), host: h}
		f.results[st.number] = t.take(st)
		if err := ctx.Err(); err != nil {
			return f, err
		}
		if t.spoiled || f.results[st.number].Outcome == Fail {
			h.close()
			h = nil
		}
	}
	return f, nil
}

func (s *suite) takes(step int) bool { return len(s.Steps) == 0 || slices.Contains(s.Steps, step) }

// notApplicable says why a step does not apply, "" when it does.
func (s *suite) notApplicable(st step, version string) string {
	switch {
	case s.Skip[st.number] != "":
		return s.Skip[st.number]
	case slices.Index(Versions(), version) < slices.Index(Versions(), st.since):
		return "since " + st.since
	case st.interfaces && s.network.ipam:
		return "makes no interface"
	}
	return ""
}
