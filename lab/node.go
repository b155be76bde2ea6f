package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	// conflistName is the node's network configuration, under the name that the agent would give it.
	conflistName = "00-braid.conflist"
	// listenWithin is how long an agent may take until it listens.
	listenWithin = 10 * time.Second
	// stopWithin is how long it may take to end; calls that it is in are broken off then.
	stopWithin = 5 * time.Second
)

func (n *Node) netns() string   { return filepath.Join(n.dir, "netns") }
func (n *Node) logFile() string { return filepath.Join(n.dir, "braidd.log") }
func (n *Node) socket() string  { return filepath.Join(n.dir, "run", "braid.sock") }

// folders are those of the node's own, by the path that each has on the node.
func (n *Node) folders() map[string]string {
	return map[string]string{
		"/etc/cni/net.d": filepath.Join(n.dir, "net.d"),
		"/run/braid":     filepath.Join(n.dir, "run"),
		"/var/lib/braid": filepath.Join(n.dir, "state"),
		"/var/lib/cni":   filepath.Join(n.dir, "cni"),
	}
}

// bringUp makes the node's namespaces, connects it and starts its agent.
func (l *Lab) bringUp(ctx context.Context, n *Node, agent string) error {
	if err := makeNetns(n.netns()); err != nil {
		return err
	}
	if err := l.plugIn(n); err != nil {
		return err
	}
	conflist, err := n.conflist()
	if err != nil {
		return err
	}
	if err := writeFile(filepath.Join(n.dir, "net.d", conflistName), conflist, 0o644); err != nil {
		return err
	}
	if n.Agent, err = n.start(agent, "--files", l.path("manifests"), "--node-name", n.Name); err != nil {
		return err
	}
	if err := l.save(); err != nil {
		return err
	}
	return n.listening(ctx)
}

// conflist is what makes Braid the node's CNI.
func (n *Node) conflist() ([]byte, error) {
	return json.MarshalIndent(map[string]any{
		"cniVersion": "1.1.0", "name": "braid",
		"plugins": []any{map[string]any{
			"type": "braid",
			"clusterNetwork": map[string]any{
				"cniVersion": "1.1.0", "name": "cluster", "type": "bridge", "bridge": "braid0",
				"isGateway": true, "isDefaultGateway": true, "ipMasq": true,
				"ipam": map[string]any{
					"type": "host-local", "ranges": []any{[]any{map[string]any{"subnet": n.PodRange.String()}}},
				},
			},
		}},
	}, "", "  ")
}

// start starts a program in the node's namespaces. It outlives this process.
func (n *Node) start(program string, args ...string) (process, error) {
	log, err := os.OpenFile(n.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return process{}, fmt.Errorf("open the agent's log: %w", err)
	}
	defer log.Close()
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = "/", log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = onThread(func() error {
		if err := enterNetns(n.netns()); err != nil {
			return err
		}
		if err := privateMounts(n.folders()); err != nil {
			return err
		}
		return cmd.Start()
	})
	if err != nil {
		return process{}, fmt.Errorf("start the agent: %w", err)
	}
	p, err := newProcess(cmd.Process.Pid)
	go func() { _ = cmd.Wait() }() // so that it does not stay as a zombie while this process lives
	return p, err
}

// listening waits until the agent takes calls.
func (n *Node) listening(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, listenWithin)
	defer cancel()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "unix", n.socket())
		if err == nil {
			return conn.Close()
		}
		if !n.Agent.alive() {
			return fmt.Errorf("the agent ended: %s", n.lastWords())
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("wait for the agent: %w: %s", err, n.lastWords())
		}
	}
}

// lastWords is the end of the agent's log.
func (n *Node) lastWords() string {
	log, err := os.ReadFile(n.logFile())
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(log)), "\n")
	return strings.Join(lines[max(len(lines)-3, 0):], "\n")
}

// inside runs f on a thread in the node's namespaces, as a program that runs on the node.
func (n *Node) inside(f func() error) error {
	return onThread(func() error {
		if err := enterMounts(n.Agent); err != nil {
			return err
		}
		if err := enterNetns(n.netns()); err != nil {
			return err
		}
		return f()
	})
}
