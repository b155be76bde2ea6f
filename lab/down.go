package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// Down ends the laboratory: DEL for every pod, the agents, the namespaces, the files. It goes on after an error, and
// may be called again. What a dead agent cannot remove goes with the namespaces.
func (l *Lab) Down(ctx context.Context) error {
	failures := []error{l.detachAll(ctx)}
	for _, pod := range l.Pods {
		failures = append(failures, removeNetns(l.netnsOf(pod)))
	}
	for _, n := range l.Nodes {
		if err := n.Agent.stop(stopWithin); err != nil {
			failures = append(failures, fmt.Errorf("stop the agent of %s: %w", n.Name, err))
		}
		failures = append(failures, removeNetns(n.netns()))
	}
	failures = append(failures, removeNetns(l.path(switchName)))
	return errors.Join(append(failures, l.clear())...)
}

// detachAll detaches the pods of nodes whose agent runs, all together as a drained node's.
func (l *Lab) detachAll(ctx context.Context) error {
	var group errgroup.Group
	failures := make([]error, len(l.Pods))
	for i, pod := range l.Pods {
		n, err := l.node(pod.Node)
		if err != nil || !n.Agent.alive() {
			continue
		}
		group.Go(func() error {
			if err := l.detach(ctx, pod); err != nil {
				failures[i] = fmt.Errorf("stop pod %s on %s: %w", pod, pod.Node, err)
			}
			return nil
		})
	}
	return errors.Join(group.Wait(), errors.Join(failures...))
}

// clear unmounts the folder and removes what a laboratory puts in it, the state last.
func (l *Lab) clear() error {
	for {
		err := unix.Unmount(l.dir, unix.MNT_DETACH)
		if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT) {
			break // not mounted, or not any more
		}
		if err != nil {
			return fmt.Errorf("unmount %s: %w", l.dir, err)
		}
	}
	for _, name := range []string{"bin", "manifests", "nodes", "pods", switchName, stateFile + ".new", stateFile} {
		if err := os.RemoveAll(l.path(name)); err != nil {
			return fmt.Errorf("remove the laboratory's files: %w", err)
		}
	}
	if !l.MadeDir {
		return nil
	}
	if err := os.Remove(l.dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the laboratory's folder: %w", err)
	}
	return nil
}
