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
	"strconv"
	"strings"
	"time"

	"github.com/braid-cni/braid/conformance"
)

// errFound says that the plugin fails a step. The report is out.
var errFound = errors.New("the plugin fails a step")

// flags are the command line's.
type flags struct {
	bin, conf, junit string
	versions, steps  string
	capabilities     string
	daemon, ready    string
	env, skip        list
	verbose          bool
	options          conformance.Options
}

// A list is a flag that may be given many times.
type list []string

// String and Set implement flag.Value.
func (l *list) String() string { return strings.Join(*l, " ") }

// Set adds a value.
func (l *list) Set(value string) error {
	*l = append(*l, value)
	return nil
}

// run is the whole command: it returns errFound when the plugin fails a step.
func run(ctx context.Context, stdout, stderr io.Writer, args []string) error {
	f, err := parse(stderr, args)
	if err != nil {
		return err
	}
	report, err := conformance.Run(ctx, f.options)
	if err != nil {
		return err
	}
	if err := report.WriteText(stdout, f.verbose); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	if err := writeJUnit(report, f.junit); err != nil {
		return err
	}
	if report.Failed() {
		return errFound
	}
	return nil
}

func writeJUnit(report *conformance.Report, path string) error {
	if path == "" {
		return nil
	}
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	if err := errors.Join(report.WriteJUnit(file), file.Close()); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

func parse(stderr io.Writer, args []string) (*flags, error) {
	f := new(flags)
	set := flag.NewFlagSet("cniconform", flag.ContinueOnError)
	set.SetOutput(stderr)
	set.StringVar(&f.bin, "bin", "", "folders of plugins, separated by colons as in CNI_PATH")
	set.StringVar(&f.conf, "conf", "", "file of the network configuration, or of a list of them")
	set.StringVar(&f.junit, "junit", "", "also write the report as JUnit XML to this file")
	set.StringVar(&f.versions, "versions", "", "versions of the CNI specification, separated by commas; default "+strings.Join(conformance.Versions(), ","))
	set.StringVar(&f.steps, "steps", "", "numbers of the steps to take, separated by commas; default all")
	set.Var(&f.skip, "skip", "`number=reason` of a step that does not apply; may be repeated")
	set.Var(&f.env, "env", "`K=V`, a further variable of the plugins' environment; may be repeated")
	set.StringVar(&f.options.Args, "args", "", "CNI_ARGS")
	set.StringVar(&f.capabilities, "capabilities", "", "JSON object of what the runtime offers, by capability")
	set.StringVar(&f.daemon, "daemon", "", "program, with arguments, that the plugins need beside them")
	set.StringVar(&f.ready, "ready", "", "file or socket that appears when the daemon can be called")
	set.DurationVar(&f.options.Timeout, "timeout", 30*time.Second, "how long one execution of a plugin may take")
	set.BoolVar(&f.verbose, "v", false, "show each call and what the kernel had, for steps that fail")
	if err := set.Parse(args); err != nil {
		return nil, err
	}
	if set.NArg() > 0 {
		return nil, fmt.Errorf("argument %q is none that is known", set.Arg(0))
	}
	return f, f.complete()
}

// complete turns the flags into options. Its error names all mistakes.
func (f *flags) complete() error {
	var errs []error
	for _, dir := range filepath.SplitList(f.bin) {
		absolute, err := filepath.Abs(dir)
		errs = append(errs, err)
		f.options.BinDirs = append(f.options.BinDirs, absolute)
	}
	var err error
	if f.options.Config, err = os.ReadFile(f.conf); err != nil {
		errs = append(errs, fmt.Errorf("-conf: %w", err))
	}
	if f.capabilities != "" {
		if err := json.Unmarshal([]byte(f.capabilities), &f.options.CapabilityArgs); err != nil {
			errs = append(errs, fmt.Errorf("-capabilities: %w", err))
		}
	}
	f.options.Env = f.env
	if f.versions != "" {
		f.options.Versions = strings.Split(f.versions, ",")
	}
	if command := strings.Fields(f.daemon); len(command) > 0 {
		// It is started elsewhere.
		if strings.Contains(command[0], "/") {
			command[0], err = filepath.Abs(command[0])
			errs = append(errs, err)
		}
		f.options.Daemon = &conformance.Daemon{Command: command, Ready: f.ready}
	}
	return errors.Join(append(errs, f.numbers())...)
}

// numbers reads the flags that name steps.
func (f *flags) numbers() error {
	var errs []error
	for _, text := range strings.FieldsFunc(f.steps, func(r rune) bool { return r == ',' }) {
		n, err := strconv.Atoi(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("-steps: %q is not a number", text))
		}
		f.options.Steps = append(f.options.Steps, n)
	}
	f.options.Skip = map[int]string{}
	for _, text := range f.skip {
		number, reason, ok := strings.Cut(text, "=")
		n, err := strconv.Atoi(number)
		if !ok || err != nil || reason == "" {
			errs = append(errs, fmt.Errorf("-skip: %q is not number=reason", text))
		}
		f.options.Skip[n] = reason
	}
	return errors.Join(errs...)
}
