package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A Process is a long-lived program of the cluster.
type Process struct {
	Log string // the file with what it wrote
	process
}

// Stop asks the process to end, waits ten seconds, then kills it. It returns when the process is gone.
func (p *Process) Stop() error { return p.stop(10 * time.Second) }

// Kill ends the process at once and returns when it is gone.
func (p *Process) Kill() error { return p.kill() }

// Alive says whether the process runs.
func (p *Process) Alive() bool { return p.alive() }

// Tail returns the end of the process's log.
func (p *Process) Tail() string {
	const length = 3000
	data, err := os.ReadFile(p.Log)
	if err != nil {
		return err.Error()
	}
	return string(data[max(0, len(data)-length):])
}

// A launch is a program about to be started.
type launch struct {
	name    string // unique in the cluster
	stage   stage
	cgroup  string
	argv    []string
	env     []string
	log     string
	unshare uintptr // namespaces of its own, as CLONE_ flags
}

// start starts a program that outlives this process. It belongs to no terminal, and shares nothing with a test's
// output: `go test` would wait for it.
func (s *state) start(l launch) (*Process, error) {
	if err := os.MkdirAll(filepath.Dir(l.log), 0o755); err != nil {
		return nil, fmt.Errorf("start %s: %w", l.name, err)
	}
	log, err := os.OpenFile(l.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", l.name, err)
	}
	defer log.Close()
	argv := inCgroup(l.cgroup, l.argv)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(plainEnv(), l.env...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true, Unshareflags: l.unshare}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", l.name, err)
	}
	go cmd.Wait() // reaps it, if we are still there when it ends
	record, err := newProcess(l.name, l.stage, cmd.Process.Pid)
	if err != nil {
		return nil, err
	}
	return &Process{Log: l.log, process: record}, s.started(record)
}

// inCgroup makes a command line put itself into a cgroup first, so that no child of it can be outside.
func inCgroup(cgroup string, argv []string) []string {
	const script = `echo 0 > "$0/cgroup.procs" && exec "$@"`
	return append([]string{"sh", "-c", script, filepath.Join(tracking(), cgroup)}, argv...)
}

// plainEnv is the environment of the cluster's programs: no proxy and no setting of the caller's shell reaches them.
func plainEnv() []string {
	return []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"}
}

var errEnded = errors.New("it has ended")

// waitUntil polls ready while the process lives.
func (p *Process) waitUntil(ctx context.Context, what string, ready func(context.Context) bool) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		if ready(ctx) {
			return nil
		}
		switch err := ctx.Err(); {
		case !p.Alive():
			return p.neverDid(what, errEnded)
		case errors.Is(err, context.DeadlineExceeded):
			return p.neverDid(what, err)
		case err != nil: // told to give up: the log has nothing to do with it
			return fmt.Errorf("wait for %s to %s: %w", p.Name, what, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (p *Process) neverDid(what string, err error) error {
	return fmt.Errorf("wait for %s to %s: %w; the end of %s:\n%s", p.Name, what, err, p.Log, strings.TrimSpace(p.Tail()))
}
