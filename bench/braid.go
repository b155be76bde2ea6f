package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/braid-cni/braid/wire"
)

const (
	// agentReady bounds the wait for the agent's socket.
	agentReady = 20 * time.Second
	// agentStop bounds the wait for the agent to end.
	agentStop = 10 * time.Second
)

// A Braid is the door, executed by libcni, and an agent that runs beside it.
type Braid struct {
	bin, dir string
	networks int
	runtime  *runtime
	agent    *exec.Cmd
	log      *os.File
}

// NewBraid returns Braid's binaries in bin for pods with that many networks. State, leases, cache and the agent's
// log go into dir.
func NewBraid(bin, dir string, networks int) *Braid {
	return &Braid{bin: bin, dir: dir, networks: networks}
}

// Name implements Subject.
func (b *Braid) Name() string { return "braid" }

// flags are the agent's: everything it writes lies in dir, and no cluster is asked.
func (b *Braid) flags() []string {
	return []string{
		"--socket", b.socket(), "--state", filepath.Join(b.dir, "state"), "--run", filepath.Join(b.dir, "run"),
		"--files", filepath.Join(b.dir, "nads"), "--log-level", "warn",
	}
}

// socket is where the agent listens.
func (b *Braid) socket() string { return filepath.Join(b.dir, "run", "braid.sock") }

// Start starts the agent and waits until it listens.
func (b *Braid) Start(ctx context.Context) error {
	for _, folder := range []string{"state", "run", "nads"} {
		if err := os.MkdirAll(filepath.Join(b.dir, folder), 0o755); err != nil {
			return fmt.Errorf("make the agent's folders: %w", err)
		}
	}
	list, err := b.list()
	if err != nil {
		return err
	}
	env := []string{wire.SocketVariable + "=" + b.socket()}
	if b.runtime, err = newRuntime(b.bin, filepath.Join(b.dir, "cache"), env, list); err != nil {
		return err
	}
	if b.log, err = os.Create(filepath.Join(b.dir, "braidd.log")); err != nil {
		return fmt.Errorf("make the agent's log: %w", err)
	}
	b.agent = exec.Command(filepath.Join(b.bin, "braidd"), b.flags()...)
	b.agent.Stdout, b.agent.Stderr = b.log, b.log
	if err := b.agent.Start(); err != nil {
		b.agent = nil
		return fmt.Errorf("start braidd: %w", err)
	}
	return b.ready(ctx)
}

// list is the network list: the first network is the cluster's, the others are given to every pod.
func (b *Braid) list() (string, error) {
	var networks []json.RawMessage
	for i := range b.networks {
		name := fmt.Sprintf("braid%d", i)
		networks = append(networks, json.RawMessage(bridgeConfig("brb"+name, name, filepath.Join(b.dir, "leases"), i)))
	}
	list, err := json.Marshal(map[string]any{
		"cniVersion": "1.1.0", "name": "braid",
		"plugins": []any{map[string]any{"type": "braid", "clusterNetwork": networks[0], "defaultNetworks": networks[1:]}},
	})
	return string(list), err
}

// ready waits until the agent takes connections.
func (b *Braid) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, agentReady)
	defer cancel()
	for {
		conn, err := net.Dial("unix", b.socket())
		if err == nil {
			return conn.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("reach braidd: %w: it says: %s", err, b.says())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// says is the agent's log.
func (b *Braid) says() string {
	log, _ := os.ReadFile(filepath.Join(b.dir, "braidd.log"))
	return string(log)
}

// Add implements Subject.
func (b *Braid) Add(ctx context.Context, pod *Pod) error { return b.explain(b.runtime.add(ctx, pod)) }

// Del implements Subject.
func (b *Braid) Del(ctx context.Context, pod *Pod) error { return b.explain(b.runtime.del(ctx, pod)) }

// explain adds the agent's log to an error.
func (b *Braid) explain(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: braidd says: %s", err, b.says())
}

// Stop ends the agent.
func (b *Braid) Stop(context.Context) error {
	var errs []error
	if b.agent != nil {
		errs = append(errs, b.agent.Process.Signal(syscall.SIGTERM))
		kill := time.AfterFunc(agentStop, func() { _ = b.agent.Process.Kill() })
		errs = append(errs, b.agent.Wait())
		kill.Stop()
	}
	if b.log != nil {
		errs = append(errs, b.log.Close())
	}
	return errors.Join(errs...)
}
