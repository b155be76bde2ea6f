package bench

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/braid-cni/braid/bench/syscount"
	"github.com/braid-cni/braid/wire"
)

const (
	// agentReady bounds the wait for the agent, askEvery is the pause between two questions.
	agentReady = 30 * time.Second
	askEvery   = 20 * time.Millisecond
	// agentStop bounds the wait for the agent to end.
	agentStop = 10 * time.Second
	// health is where the agent tells its metrics: one agent at a time is asked.
	health = "127.0.0.1:9808"
)

// An Agent is braidd as a daemon. Everything that it writes lies in one folder.
type Agent struct {
	bin, dir string
	flags    []string
	process  *exec.Cmd
	log      *os.File
	count    *syscount.Counter
	counted  bool
	began    time.Time
}

// NewAgent returns the braidd in bin. Without flags it asks no cluster.
func NewAgent(bin, dir string, flags ...string) *Agent {
	a := &Agent{bin: bin, dir: dir, flags: flags}
	if len(flags) == 0 {
		a.flags = []string{"--files", filepath.Join(dir, "nads")}
	}
	return a
}

// Measured lets the agent answer for its memory and goroutines. Only one that runs may.
func (a *Agent) Measured() *Agent {
	a.flags = append(a.flags, "--health", health)
	return a
}

// Counted counts what the agent syncs, from its first instruction on. It is then slower: the kernel looks at every call, and at
// every switch to one of the agent's threads.
func (a *Agent) Counted() *Agent {
	a.counted = true
	return a
}

func (a *Agent) socket() string { return filepath.Join(a.dir, "run", "braid.sock") }

func (a *Agent) leases() string { return filepath.Join(a.dir, "leases") }

// folders are those that all agents have, and braidd once.
func (a *Agent) folders() []string {
	return []string{"--socket", a.socket(), "--state", filepath.Join(a.dir, "state"), "--run", filepath.Join(a.dir, "run")}
}

// Began is when the agent was executed.
func (a *Agent) Began() time.Time { return a.began }

// Start starts the agent and waits until it listens.
func (a *Agent) Start(ctx context.Context) error {
	if err := a.Launch(); err != nil {
		return err
	}
	return a.until(ctx, askEvery, func() error {
		conn, err := net.Dial("unix", a.socket())
		if err != nil {
			return err
		}
		return conn.Close()
	})
}

// Launch executes the agent and does not wait until it can be asked.
func (a *Agent) Launch() (err error) {
	if err := a.makeFolders(); err != nil {
		return err
	}
	// As after a boot. By this mark the door answers STATUS for an agent that is away.
	mark := filepath.Join(filepath.Dir(a.socket()), filepath.Base(wire.ReadyMark))
	if err := os.Remove(mark); err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("remove the mark of the agent before: %w", err)
	}
	if a.log, err = os.Create(filepath.Join(a.dir, "braidd.log")); err != nil {
		return fmt.Errorf("make the agent's log: %w", err)
	}
	cmd := exec.Command(filepath.Join(a.bin, "braidd"), append(append(a.folders(), "--log-level", "warn"), a.flags...)...)
	cmd.Stdout, cmd.Stderr = a.log, a.log
	a.began = time.Now()
	if err := a.execute(cmd); err != nil {
		return fmt.Errorf("start braidd: %w", err)
	}
	a.process = cmd
	return nil
}

func (a *Agent) execute(cmd *exec.Cmd) (err error) {
	if !a.counted {
		return cmd.Start()
	}
	a.count, err = syscount.Start(cmd)
	return err
}

func (a *Agent) makeFolders() error {
	for _, folder := range []string{"state", "run", "nads"} {
		if err := os.MkdirAll(filepath.Join(a.dir, folder), 0o755); err != nil {
			return fmt.Errorf("make the agent's folders: %w", err)
		}
	}
	return nil
}

// until asks until it succeeds.
func (a *Agent) until(ctx context.Context, pause time.Duration, ask func() error) error {
	ctx, cancel := context.WithTimeout(ctx, agentReady)
	defer cancel()
	for {
		err := ask()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("reach braidd: %w: it says: %s", err, a.says())
		case <-time.After(pause):
		}
	}
}

// says is the end of the agent's log.
func (a *Agent) says() string {
	const length = 2000
	log, _ := os.ReadFile(filepath.Join(a.dir, "braidd.log"))
	return string(log[max(0, len(log)-length):])
}

// Syncs is how often an agent that is Counted has called fsync or fdatasync since it was started.
func (a *Agent) Syncs() (int, error) {
	if a.count == nil {
		return 0, syscount.ErrNotCounted
	}
	return a.count.Calls()
}

// Memory is the agent's resident memory in megabytes, and the part of it that is the agent's alone: the rest is what it has
// read of its program, which the kernel can drop.
func (a *Agent) Memory() (resident, anonymous float64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", a.process.Process.Pid))
	if err != nil {
		return 0, 0, fmt.Errorf("read the agent's memory: %w", err)
	}
	all, err := field(bytes.NewReader(text), "VmRSS:")
	if err != nil {
		return 0, 0, err
	}
	own, err := field(bytes.NewReader(text), "RssAnon:")
	const megabytes = 1024 / 1e6 // of a kilobyte as the kernel counts
	return all * megabytes, own * megabytes, err
}

// Goroutines is how many the agent has.
func (a *Agent) Goroutines() (float64, error) { return a.metric("go_goroutines") }

// Pending is how many statuses the API server does not have yet.
func (a *Agent) Pending() (float64, error) { return a.metric("braid_status_publications_pending") }

func (a *Agent) metric(name string) (float64, error) {
	// A connection that is kept has goroutines of the agent.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: agentStop}
	answer, err := client.Get("http://" + health + "/metrics")
	if err != nil {
		return 0, fmt.Errorf("ask the agent for its metrics: %w", err)
	}
	defer answer.Body.Close()
	return field(answer.Body, name)
}

// field reads the number in the line that begins with a word.
func field(text io.Reader, word string) (float64, error) {
	lines := bufio.NewScanner(text)
	for lines.Scan() {
		if words := strings.Fields(lines.Text()); len(words) > 1 && words[0] == word {
			return strconv.ParseFloat(words[1], 64)
		}
	}
	return 0, fmt.Errorf("read %s: %w", word, cmp.Or(lines.Err(), os.ErrNotExist))
}

// Stop ends the agent.
func (a *Agent) Stop() error {
	var errs []error
	if a.process != nil {
		errs = append(errs, a.process.Process.Signal(syscall.SIGTERM))
		kill := time.AfterFunc(agentStop, func() { _ = a.process.Process.Kill() })
		errs = append(errs, a.process.Wait())
		kill.Stop()
		a.process = nil
	}
	if a.count != nil {
		errs = append(errs, a.count.Close())
		a.count = nil
	}
	if a.log != nil {
		errs = append(errs, a.log.Close())
		a.log = nil
	}
	return errors.Join(errs...)
}
