package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/containernetworking/cni/pkg/types"
)

// A Call is one execution of a plugin: what it was given, and what it answered.
type Call struct {
	// Plugin is the file name, Env the CNI variables, "K=V" and sorted. Of a Stdin over 64 KiB there is the beginning.
	Plugin string
	Env    []string
	Stdin  string
	// Exit is the status, -1 when the plugin was killed.
	Exit           int
	Stdout, Stderr string
	Took           time.Duration
}

// String shows the call as one would write it in a shell.
func (c Call) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "$ %s %s <<< '%s'\n", strings.Join(c.Env, " "), c.Plugin, c.Stdin)
	for _, part := range []struct{ name, text string }{{"stdout", c.Stdout}, {"stderr", c.Stderr}} {
		if text := strings.TrimSpace(part.text); text != "" {
			fmt.Fprintf(&b, "%s: %s\n", part.name, text)
		}
	}
	fmt.Fprintf(&b, "exit %d\n", c.Exit)
	return b.String()
}

// An invocation is a call in the making.
type invocation struct {
	plugin string
	env    map[string]string
	config object
	// stdin takes the place of config unless it is nil.
	stdin []byte
}

// An edit makes an invocation another one than a runtime's usual.
type edit func(*invocation)

func without(variables ...string) edit {
	return func(i *invocation) {
		for _, name := range variables {
			delete(i.env, name)
		}
	}
}

func env(name, value string) edit { return func(i *invocation) { i.env[name] = value } }

func key(name string, value any) edit { return func(i *invocation) { i.config[name] = value } }

func withoutKey(name string) edit { return func(i *invocation) { delete(i.config, name) } }

func stdin(text string) edit { return func(i *invocation) { i.stdin = []byte(text) } }

// An answer is what a plugin said to a call; the zero answer is that of no call, and success.
type answer struct {
	Call
	// broken says why there is no answer, such as a deadline.
	broken error
}

func (a answer) failed() bool { return a.Exit != 0 || a.broken != nil }

// problem is the error that a plugin printed. It is nil when it printed none.
func (a answer) problem() *types.Error {
	e := new(types.Error)
	if err := json.Unmarshal([]byte(a.Stdout), e); err != nil || e.Code == 0 && e.Msg == "" {
		return nil
	}
	return e
}

// how says how a call failed, without what differs from run to run.
func (a answer) how() string {
	if a.broken != nil {
		return a.broken.Error()
	}
	if e := a.problem(); e != nil {
		return fmt.Sprintf("code %d", e.Code)
	}
	return fmt.Sprintf("exit status %d and no CNI error on stdout", a.Exit)
}

// A process is a plugin under way.
type process struct {
	*exec.Cmd
	ctx            context.Context
	cancel         context.CancelFunc
	call           Call
	stdout, stderr bytes.Buffer
	begun          time.Time
}

// start executes a plugin on the host, in a process group of its own, with nothing in its environment but the CNI
// variables, a PATH and what the options name.
func (h *host) start(ctx context.Context, i *invocation) (*process, error) {
	path, err := findPlugin(i.plugin, append([]string{h.suite.doubles()}, h.suite.BinDirs...))
	if err != nil {
		return nil, err
	}
	input := i.stdin
	if input == nil {
		if input, err = json.Marshal(i.config); err != nil {
			return nil, fmt.Errorf("encode the configuration: %w", err)
		}
	}
	p := &process{begun: time.Now(), call: Call{Plugin: i.plugin, Stdin: beginning(input)}}
	for _, name := range slices.Sorted(maps.Keys(i.env)) {
		p.call.Env = append(p.call.Env, name+"="+i.env[name])
	}
	p.ctx, p.cancel = context.WithTimeout(ctx, h.suite.Timeout)
	p.Cmd = exec.CommandContext(p.ctx, path)
	p.Env = append(append([]string{"PATH=" + os.Getenv("PATH")}, p.call.Env...), h.suite.Env...)
	p.Stdin, p.Stdout, p.Stderr, p.Dir = bytes.NewReader(input), &p.stdout, &p.stderr, "/"
	p.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	p.Cancel = p.kill
	p.WaitDelay = lingers
	if err := h.thread.do(p.Start); err != nil {
		p.cancel()
		return nil, fmt.Errorf("execute plugin %q: %w", i.plugin, err)
	}
	return p, nil
}

// beginning is a text that is not too long to be kept and shown.
func beginning(text []byte) string {
	const enough = 64 << 10
	if len(text) <= enough {
		return string(text)
	}
	return fmt.Sprintf("%s... (%d bytes)", bytes.TrimRight(text[:enough], " "), len(text))
}

// kill ends the plugin and what it executed.
func (p *process) kill() error { return syscall.Kill(-p.Process.Pid, syscall.SIGKILL) }

// wait returns the answer, within the timeout of the options.
func (p *process) wait() answer {
	defer p.cancel()
	err := p.Wait()
	p.call.Exit, p.call.Took = p.ProcessState.ExitCode(), time.Since(p.begun)
	p.call.Stdout, p.call.Stderr = p.stdout.String(), p.stderr.String()
	a := answer{Call: p.call}
	switch {
	case p.ctx.Err() != nil:
		a.broken = fmt.Errorf("no answer in time")
	case err != nil && p.call.Exit == 0:
		a.broken = fmt.Errorf("its stdout stays open after its end")
	case p.call.Exit < 0:
		a.broken = fmt.Errorf("killed by a signal")
	}
	return a
}
