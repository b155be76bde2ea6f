package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"time"
)

const (
	clusterCommand = "e2e/cmd/cluster"
	buildLimit     = time.Hour
)

// programs is the build of the test cluster's own programs (API server,
// kubelet, containerd and so on), minutes of work the first time, begun before
// the other rungs and below them in priority.
type programs struct {
	cancel context.CancelFunc
	done   chan error
	log    bytes.Buffer // read only after done
}

// startClusterPrograms begins the build when the cluster rung is among rungs.
func startClusterPrograms(ctx context.Context, rungs []rung) *programs {
	p := &programs{cancel: func() {}, done: make(chan error, 1)}
	wanted := slices.ContainsFunc(rungs, func(r rung) bool { return r.name == clusterRung })
	if _, err := os.Stat(clusterCommand); err != nil || !wanted {
		p.done <- nil
		return p
	}
	ctx, p.cancel = context.WithTimeout(ctx, buildLimit)
	cmd := exec.CommandContext(ctx, "nice", "-n", "19", "go", "-C", "e2e", "run", "./cmd/cluster", "build")
	cmd.Stdout, cmd.Stderr = &p.log, &p.log
	// The go command has compilers below it: a group stops them all.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = stopGrace
	go func() { p.done <- cmd.Run() }()
	return p
}

// wait ends once the programs are there, or counts a failure.
func (p *programs) wait(t *tally, out io.Writer) {
	err := <-p.done
	p.done <- err
	if err != nil {
		t.fail(out, fmt.Sprintf("build the cluster's programs: %v\n%s", err, indent(p.log.String())))
	}
}

// stop ends a build that nobody waited for.
func (p *programs) stop() {
	p.cancel()
	<-p.done
}
