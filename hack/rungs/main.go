// Command rungs runs the project's tests, rung by rung, and says in one line
// how they did. Without arguments it runs every rung; else those named. It is
// run in the checkout's root folder. With -fuzztime=DURATION each fuzz target
// runs for that long, else for 30 s.
//
// It is stricter than the go command. A rung without tests is a failure. So is
// a skipped test, unless it names a kernel feature that a machine may lack and
// has passed on another rung.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(Run(ctx, os.Args[1:], os.Stdout))
}

// Run runs the rungs named in args and returns the exit status.
func Run(ctx context.Context, args []string, out io.Writer) int {
	begun := time.Now()
	flags := flag.NewFlagSet("rungs", flag.ContinueOnError)
	flags.SetOutput(out)
	fuzz := flags.Duration("fuzztime", 30*time.Second, "how long each fuzz target runs")
	if flags.Parse(args) != nil {
		return 2
	}
	rungs, err := choose(flags.Args(), *fuzz)
	if err != nil {
		fmt.Fprintln(out, "rungs:", err)
		return 2
	}
	programs := startClusterPrograms(ctx, rungs)
	defer programs.stop()
	t := newTally()
	climb(ctx, rungs, programs, t, out)
	v := judge(t)
	v.print(out, time.Since(begun))
	if v.ok() {
		return 0
	}
	return 1
}

// climb runs the rungs until ctx ends.
func climb(ctx context.Context, rungs []rung, programs *programs, t *tally, out io.Writer) {
	for _, r := range rungs {
		fmt.Fprintf(out, "\n== %s\n", r.name)
		t.begin(r.name)
		if r.built {
			programs.wait(t, out)
		}
		r.run(ctx, t, out)
		if ctx.Err() != nil {
			t.fail(out, "interrupted: what had not run is not counted")
			return
		}
	}
}

func choose(names []string, fuzz time.Duration) ([]rung, error) {
	root, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	all, err := rungTable(root, fuzz)
	if len(names) == 0 || err != nil {
		return all, err
	}
	var chosen []rung
	for _, name := range names {
		i := slices.IndexFunc(all, func(r rung) bool { return r.name == name })
		if i < 0 {
			return nil, fmt.Errorf("no rung %q: name %s, %s, %s, %s or %s", name, kernelRung, vmRung, gateRung, fuzzRung, clusterRung)
		}
		if name == vmRung && !slices.Contains(names, kernelRung) {
			return nil, fmt.Errorf("%s runs what %s skips: name both", vmRung, kernelRung)
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}
