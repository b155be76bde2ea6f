package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/braid-cni/braid/bench"
	"github.com/braid-cni/braid/bench/apiserver"
	"github.com/braid-cni/braid/bench/gate"
	"github.com/braid-cni/braid/bench/isolated"
	"github.com/braid-cni/braid/bench/report"
	"github.com/braid-cni/braid/bench/suite"
)

// options are the flags.
type options struct {
	sections []string
	percent  int
	api      bool
	out      string
	dir      string
	// gate is for the subcommand, record its flag.
	gate, record bool
}

// parse reads the command line.
func parse(args []string, stderr io.Writer) (*options, error) {
	if len(args) > 0 && args[0] == "gate" {
		return parseGate(args[1:], stderr)
	}
	o, only := new(options), ""
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&only, "only", "", "sections to measure, comma-separated: "+strings.Join(suite.Names(), ", "))
	f.IntVar(&o.percent, "percent", 100, "how many of the pods of a whole run to measure")
	f.BoolVar(&o.api, "api", true, "measure against an API server too, which is built the first time (ten minutes)")
	f.StringVar(&o.out, "o", "", "also write the report into this folder, as JSON, page and pictures")
	f.StringVar(&o.dir, "dir", "", "folder for state and leases, on the disk to measure; default a temporary one")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	if f.NArg() > 0 {
		return nil, fmt.Errorf("%q is no flag: the only subcommand is gate", f.Arg(0))
	}
	if o.percent < 1 || o.percent > 1000 {
		return nil, fmt.Errorf("-percent %d is out of range: take a number from 1 to 1000", o.percent)
	}
	if only != "" {
		o.sections = strings.Split(only, ",")
	}
	for _, name := range o.sections {
		if !slices.Contains(suite.Names(), name) {
			return nil, fmt.Errorf("-only %q: %q is none of %s", only, name, strings.Join(suite.Names(), ", "))
		}
	}
	return o, nil
}

func parseGate(args []string, stderr io.Writer) (*options, error) {
	o := &options{gate: true}
	f := flag.NewFlagSet("bench gate", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.BoolVar(&o.record, "record", false, "write what is measured into "+gate.File+", and hold nothing to it")
	f.StringVar(&o.dir, "dir", "", "folder for state and leases, on the disk to measure; default a temporary one")
	return o, f.Parse(args)
}

// A job is what the process in namespaces of its own does, and where it leaves what it measured.
type job struct {
	Suite suite.Options
	Gate  *gate.Job
	File  string
}

// run is the whole command. The outer process builds what is measured, for which it may need the network, and starts
// itself again in namespaces of its own.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var j job
	if inside, err := isolated.Inside(&j); inside || err != nil {
		return errors.Join(err, j.measure(ctx, stdout, stderr))
	}
	o, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	if os.Geteuid() != 0 {
		return errors.New("network namespaces need root: run it with sudo")
	}
	return o.outside(ctx, stdout, stderr)
}

// measure runs in namespaces of its own.
func (j *job) measure(ctx context.Context, stdout, stderr io.Writer) error {
	if j.Gate != nil {
		return j.Gate.Run(ctx, stdout)
	}
	began := time.Now()
	j.Suite.Say = func(format string, args ...any) {
		fmt.Fprintf(stderr, "%4.0f s  %s\n", time.Since(began).Seconds(), fmt.Sprintf(format, args...))
	}
	measured, err := suite.Run(ctx, j.Suite)
	if err != nil {
		return err
	}
	data, err := json.Marshal(measured)
	if err != nil {
		return fmt.Errorf("write what was measured: %w", err)
	}
	return os.WriteFile(j.File, data, 0o600)
}

// outside prepares the folder and the binaries, runs the inner process, and cleans up after it.
func (o *options) outside(ctx context.Context, stdout, stderr io.Writer) (err error) {
	made, err := os.MkdirTemp(o.dir, "braid-bench-")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(made)) }()
	if o.gate {
		j, err := gate.Prepare(ctx, made)
		if err != nil {
			return err
		}
		j.Record = o.record
		return isolated.Again(ctx, job{Gate: &j}, stdout, stderr)
	}
	j := job{File: filepath.Join(made, "measured.json")}
	j.Suite = suite.Options{Dir: made, Sections: o.sections, Percent: o.percent}
	r, err := o.build(ctx, &j.Suite, stderr)
	if err != nil {
		return err
	}
	if r.Load = load(); r.Load > float64(r.CPUs)/2 {
		fmt.Fprintf(stderr, "the machine is busy (load %.1f): figures will be noisy\n", r.Load)
	}
	began := time.Now()
	if err := isolated.Again(ctx, j, stdout, stderr); err != nil {
		return fmt.Errorf("measure: %w", err)
	}
	r.Seconds = time.Since(began).Seconds()
	return o.report(r, j.File, stdout)
}

// build builds what is measured, and begins the report with what that is.
func (o *options) build(ctx context.Context, s *suite.Options, stderr io.Writer) (*report.Report, error) {
	r := &report.Report{Kernel: kernel(), CPUs: runtime.NumCPU(), Go: runtime.Version(), Date: time.Now().Format(time.DateOnly)}
	checkout, err := bench.Checkout(ctx)
	if err != nil {
		return nil, err
	}
	s.Definition = filepath.Join(checkout, "deploy", "crds", "network-attachment-definitions.yaml")
	s.Braid = filepath.Join(s.Dir, "bin")
	if s.Plugins, r.Plugins, err = bench.BuildPlugins(ctx); err != nil {
		return nil, err
	}
	if r.Commit, err = bench.BuildBraid(ctx, s.Braid); err != nil {
		return nil, err
	}
	if o.api {
		programs, err := apiserver.Build(ctx, checkout, s.Braid, stderr)
		if err != nil {
			return nil, err
		}
		s.API, r.Kubernetes = &programs, programs.Version()
	}
	return r, nil
}

// report prints the report, and writes it where it is wanted.
func (o *options) report(r *report.Report, file string, stdout io.Writer) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read what was measured: %w", err)
	}
	var measured []report.Measurement
	if err := json.Unmarshal(data, &measured); err != nil {
		return fmt.Errorf("read what was measured: %w", err)
	}
	r.Rows = report.Summarize(measured)
	r.Goals = report.Judge(r.Rows)
	if err := errors.Join(r.Table(stdout), r.GoalTable(stdout)); err != nil || o.out == "" {
		return err
	}
	return r.Write(o.out)
}

// load is the load average of the last minute, 0 where it cannot be read. What was just built counts too.
func load() (x float64) {
	text, err := os.ReadFile("/proc/loadavg")
	if err == nil {
		_, _ = fmt.Sscan(string(text), &x)
	}
	return x
}

// kernel is the running kernel's release.
func kernel() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return "unknown"
	}
	return unix.ByteSliceToString(u.Release[:])
}
