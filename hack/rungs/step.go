package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// stopGrace is how long the go command and its tests may take to clean up
// after an interrupt.
const stopGrace = 2 * time.Minute

// A step is one run of the go command. With packages it is a test run, whose
// events are counted; without, it only has to succeed.
type step struct {
	dir      string
	args     []string
	packages []string // as the go command takes them
	except   string   // packages with this in their path are left out
}

func (s step) run(ctx context.Context, t *tally, out io.Writer) {
	if ctx.Err() != nil {
		return
	}
	if len(s.packages) == 0 {
		if err := s.command(ctx, s.args, out).Run(); err != nil {
			t.fail(out, fmt.Sprintf("go %s: %v", strings.Join(s.args, " "), err))
		}
		return
	}
	packages, err := s.list(ctx)
	if err != nil {
		t.fail(out, err.Error())
		return
	}
	before := t.now().ended()
	if err := s.test(ctx, packages, t, out); err != nil {
		t.fail(out, err.Error())
	}
	if t.now().ended() == before {
		t.fail(out, fmt.Sprintf("no test ran in %s", strings.Join(packages, " ")))
	}
}

// test runs the packages' tests and counts them. Its error is one that the
// events do not show.
func (s step) test(ctx context.Context, packages []string, t *tally, out io.Writer) error {
	cmd := s.command(ctx, append(slices.Clone(s.args), packages...), nil)
	cmd.Stderr = out
	events, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the go command: %w", err)
	}
	before := t.failures()
	readErr := read(events, newReport(out, t))
	waitErr := cmd.Wait()
	if waitErr != nil && readErr == nil && t.failures() > before {
		return nil // already told
	}
	return errors.Join(readErr, waitErr)
}

// list names the packages.
func (s step) list(ctx context.Context) ([]string, error) {
	var names, stderr bytes.Buffer
	cmd := s.command(ctx, append([]string{"list"}, s.packages...), &names)
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("list packages: %w: %s", err, stderr.String())
	}
	return slices.DeleteFunc(strings.Fields(names.String()), func(name string) bool {
		return s.except != "" && strings.Contains(name, s.except)
	}), nil
}

// command asks politely first when ctx ends: tests have links and processes to
// remove.
func (s step) command(ctx context.Context, args []string, out io.Writer) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.dir, out, out
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = stopGrace
	return cmd
}
