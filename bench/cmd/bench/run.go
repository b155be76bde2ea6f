package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/braid-cni/braid/bench"
)

// insideEnv marks the process that runs in namespaces of its own.
const insideEnv = "BRAID_BENCH_INSIDE"

// options are the flags.
type options struct {
	pods     int
	networks string
	subjects string
	out      string
	// plugins, braid, version and commit are handed from the outer process to the inner one.
	plugins, braid, version, commit string
	dir                             string
}

// parse reads the flags.
func parse(args []string) (*options, error) {
	o := new(options)
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.IntVar(&o.pods, "n", 30, "pods measured for each subject")
	f.StringVar(&o.networks, "networks", "1,3", "networks a pod, comma-separated, each from 1 to 4")
	f.StringVar(&o.subjects, "subjects", "floor,reference,braid", "whom to measure")
	f.StringVar(&o.out, "o", "", "also write the report as JSON to this file")
	f.StringVar(&o.dir, "dir", "", "folder for state and leases, on the disk to measure; default a temporary one")
	f.StringVar(&o.plugins, "plugins", "", "folder of the reference plugins, instead of building them")
	f.StringVar(&o.braid, "braid", "", "folder of braid and braidd, instead of building them")
	f.StringVar(&o.version, "plugins-version", "unknown", "version of what -plugins names, for the report")
	f.StringVar(&o.commit, "commit", "unknown", "commit of what -braid names, for the report")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	if o.pods < 1 || o.pods > 10000 {
		return nil, fmt.Errorf("-n %d is out of range: take a number from 1 to 10000", o.pods)
	}
	return o, nil
}

// run is the whole command. The outer process builds what is measured, for which it may need the network, and starts
// itself again in namespaces of its own.
func run(ctx context.Context, stdout io.Writer, args []string) error {
	o, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	if os.Getenv(insideEnv) != "" {
		return o.measure(ctx, stdout)
	}
	if os.Geteuid() != 0 {
		return errors.New("network namespaces need root: run it with sudo")
	}
	return o.outside(ctx, stdout)
}

// outside prepares the folder and the binaries, runs the inner process, and cleans up after it.
func (o *options) outside(ctx context.Context, stdout io.Writer) (err error) {
	made, err := os.MkdirTemp(o.dir, "braid-bench-")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(made)) }()
	if o.plugins == "" {
		if o.plugins, o.version, err = bench.BuildPlugins(ctx); err != nil {
			return err
		}
	}
	if o.braid == "" && strings.Contains(o.subjects, "braid") {
		o.braid = filepath.Join(made, "bin")
		if o.commit, err = bench.BuildBraid(ctx, o.braid); err != nil {
			return err
		}
	}
	inner := exec.CommandContext(ctx, "/proc/self/exe", "-n", strconv.Itoa(o.pods), "-networks", o.networks, "-subjects", o.subjects,
		"-o", o.out, "-dir", made, "-plugins", o.plugins, "-braid", o.braid, "-plugins-version", o.version, "-commit", o.commit)
	inner.Env = append(os.Environ(), insideEnv+"=1")
	inner.Stdout, inner.Stderr = stdout, os.Stderr
	// Should this process be killed, the inner one goes with it, and the namespaces with that.
	inner.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS, Pdeathsig: syscall.SIGTERM}
	inner.Cancel = func() error { return inner.Process.Signal(syscall.SIGTERM) }
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return inner.Run()
}

// measure runs in namespaces of its own.
func (o *options) measure(ctx context.Context, stdout io.Writer) error {
	// Bind mounts of pods' namespaces must not show outside.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make the mounts private: %w", err)
	}
	report := &bench.Report{Kernel: kernel(), CPUs: runtime.NumCPU(), Plugins: o.version, Commit: o.commit}
	var measured []bench.Measurement
	for field := range strings.SplitSeq(o.networks, ",") {
		networks, err := strconv.Atoi(field)
		if err != nil || networks < 1 || networks > 4 {
			return fmt.Errorf("-networks %q: %q is no number from 1 to 4", o.networks, field)
		}
		subjects, err := o.make(networks)
		if err != nil {
			return err
		}
		m, err := bench.Run(ctx, bench.Options{Pods: o.pods, Dir: filepath.Join(o.dir, "netns")}, networks, subjects)
		if err != nil {
			return err
		}
		measured = append(measured, m...)
	}
	report.Rows = bench.Summarize(measured)
	return o.write(report, stdout)
}

// make constructs the subjects that the flags name.
func (o *options) make(networks int) ([]bench.Subject, error) {
	var subjects []bench.Subject
	for name := range strings.SplitSeq(o.subjects, ",") {
		dir, err := bench.Dirs(o.dir, name, networks)
		if err != nil {
			return nil, err
		}
		switch name {
		case "floor":
			subjects = append(subjects, bench.NewFloor(networks))
		case "reference":
			subjects = append(subjects, bench.NewReference(o.plugins, dir, networks))
		case "braid":
			subjects = append(subjects, bench.NewBraid(o.braid, dir, networks))
		default:
			return nil, fmt.Errorf("-subjects %q: %q is none of floor, reference, braid", o.subjects, name)
		}
	}
	return subjects, nil
}

// write prints the table and writes the JSON.
func (o *options) write(report *bench.Report, stdout io.Writer) (err error) {
	if err := report.Table(stdout); err != nil || o.out == "" {
		return err
	}
	f, err := os.Create(o.out)
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return report.JSON(f)
}

// kernel is the running kernel's release.
func kernel() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return "unknown"
	}
	return unix.ByteSliceToString(u.Release[:])
}
