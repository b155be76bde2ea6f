package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
)

// Streams are those of a program that is run.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// Exec runs a program of the machine in the network namespace of a pod, "name" or "namespace/name", or on a node,
// "node/name", and there with the node's folders. That it exits with another status than 0 is an *exec.ExitError.
func (l *Lab) Exec(ctx context.Context, where string, argv []string, s Streams) error {
	if len(argv) == 0 {
		return errors.New("run a program: none is named")
	}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = s.In, s.Out, s.Err
	if err := l.place(where, cmd.Run); err != nil {
		return fmt.Errorf("run %q in %s: %w", strings.Join(argv, " "), where, err)
	}
	return nil
}

// place runs f on a thread in a pod's network namespace or on a node.
func (l *Lab) place(where string, f func() error) error {
	if name, ok := strings.CutPrefix(where, "node/"); ok {
		n, err := l.node(name)
		if err != nil {
			return err
		}
		return n.inside(f)
	}
	pod, err := l.Pod(where)
	if err != nil {
		return err
	}
	return onThread(func() error {
		if err := enterNetns(l.netnsOf(pod)); err != nil {
			return err
		}
		return f()
	})
}
