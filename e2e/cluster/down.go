package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// Down takes the cluster down and puts back what it changed on the machine. The logs stay.
func (c *Cluster) Down(ctx context.Context) error { return Down(ctx, c.out) }

// Down takes down the cluster of this machine, whoever brought it up and however far it came. Without one it does
// nothing. It ends only processes that were recorded, or that are in the cluster's cgroup.
func Down(ctx context.Context, out io.Writer) error {
	s, err := readState()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	begun := time.Now()
	if err := errors.Join(s.stopProcesses(), killCgroup(cgroupRoot)); err != nil {
		// Nothing is pulled from under processes that still run; Down can be called again.
		return fmt.Errorf("take down cluster: %w", err)
	}
	if err := s.undoChanges(ctx); err != nil {
		return fmt.Errorf("take down cluster: %w", err)
	}
	if err := os.Remove(stateFile); err != nil {
		return fmt.Errorf("take down cluster: %w", err)
	}
	fmt.Fprintf(out, "cluster is down (%.1fs)\n", time.Since(begun).Seconds())
	return nil
}

// stopProcesses stops stage after stage, those of one stage together.
func (s *state) stopProcesses() error {
	for _, stage := range stopOrder() {
		var group errgroup.Group
		for _, p := range s.Processes {
			if p.Stage == stage {
				group.Go(func() error { return p.stop(5 * time.Second) })
			}
		}
		if err := group.Wait(); err != nil {
			return err
		}
	}
	return nil
}

// undoChanges puts everything back, the last first; one that fails does not keep the others.
func (s *state) undoChanges(ctx context.Context) error {
	var errs []error
	for _, c := range slices.Backward(s.Changes) {
		errs = append(errs, c.undo(ctx))
	}
	return errors.Join(errs...)
}

// takeDownOld makes place for a new cluster, unless somebody uses the one that is up.
func takeDownOld(ctx context.Context, out io.Writer) error {
	s, err := readState()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if s.Owner.alive() {
		return fmt.Errorf("bring up cluster: process %d has one up in %s: wait for it to end", s.Owner.PID, s.Dir)
	}
	if s.Detached && s.alive() {
		return fmt.Errorf("bring up cluster: one is up in %s: take it down first (go run ./e2e/cmd/cluster down)", s.Dir)
	}
	fmt.Fprintf(out, "taking down the cluster that an earlier run left in %s\n", s.Dir)
	return Down(ctx, out)
}
