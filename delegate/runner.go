package delegate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/containernetworking/cni/pkg/invoke"
	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/version"
)

const (
	// outputLimit bounds what is kept of a plugin's stdout and stderr, each.
	outputLimit = 1 << 20
	// lingers is how long the pipes of a plugin that was killed may be held open by its children.
	lingers = 2 * time.Second
	// busyTries is how often a binary that is being written is tried, a tenth of a second apart.
	busyTries = 20
	busyPause = 100 * time.Millisecond
)

// A Runner executes plugin binaries: each with a deadline, in a process group of its own, inside the host's root and
// with an environment that holds the CNI variables and a PATH, and nothing of the agent's.
type Runner struct {
	// Root is the host's root as the agent sees it, "/" outside a container.
	Root string
	// Timeout bounds one execution.
	Timeout time.Duration
	// InsideVariable is the environment variable that tells a plugin for which container it is executed, so that a
	// call of Braid from within it can be told from one by the runtime.
	InsideVariable string
	// Env are further variables, "K=V".
	Env []string
}

var _ invoke.Exec = Runner{}

type insideKey struct{}

// inside notes for which container a plugin is executed.
func inside(ctx context.Context, container string) context.Context {
	return context.WithValue(ctx, insideKey{}, container)
}

// FindInPath returns the path of the binary inside the host's root.
func (r Runner) FindInPath(typ string, path []string) (string, error) {
	rooted := make([]string, 0, len(path))
	for _, dir := range path {
		rooted = append(rooted, filepath.Join(r.Root, dir))
	}
	found, err := invoke.FindInPath(typ, rooted)
	if err != nil {
		return "", types.NewError(types.ErrInvalidNetworkConfig,
			fmt.Sprintf("find plugin %q in CNI_PATH %s; install it there or correct the type", typ, strings.Join(path, ":")), "")
	}
	inRoot, err := filepath.Rel(r.Root, found)
	if err != nil {
		return "", fmt.Errorf("place plugin %q in the host's root: %w", typ, err)
	}
	return "/" + inRoot, nil
}

// ExecPlugin runs the binary and returns its stdout. A failure is the plugin's own CNI error where it printed one.
func (r Runner) ExecPlugin(ctx context.Context, path string, stdin []byte, environ []string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	env := r.environment(ctx, environ)
	for try := 1; ; try++ {
		stdout, err := r.once(ctx, path, stdin, env)
		if !errors.Is(err, syscall.ETXTBSY) || try == busyTries {
			return stdout, err
		}
		select {
		case <-time.After(busyPause):
		case <-ctx.Done():
			return nil, err
		}
	}
}

func (r Runner) once(ctx context.Context, path string, stdin []byte, env []string) ([]byte, error) {
	var stdout, stderr capped
	cmd := exec.CommandContext(ctx, path)
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = env, bytes.NewReader(stdin), &stdout, &stderr
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if r.Root != "/" {
		cmd.SysProcAttr.Chroot = r.Root
	}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = lingers
	if err := cmd.Run(); err != nil {
		return nil, pluginError(ctx, filepath.Base(path), err, &stdout, &stderr)
	}
	return stdout.Bytes(), nil
}

// environment keeps the CNI variables of what libcni made from the agent's whole environment.
func (r Runner) environment(ctx context.Context, environ []string) []string {
	env := []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	for _, entry := range environ {
		if strings.HasPrefix(entry, "CNI_") {
			env = append(env, entry)
		}
	}
	if container, ok := ctx.Value(insideKey{}).(string); ok {
		env = append(env, r.InsideVariable+"="+container)
	}
	return append(env, r.Env...)
}

// pluginError turns a failed execution into the CNI error that the plugin printed, else into what it left on stderr.
func pluginError(ctx context.Context, name string, err error, stdout, stderr *capped) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return types.NewError(types.ErrTryAgainLater, fmt.Sprintf("plugin %q did not end within its deadline and was killed", name), stderr.tail())
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return fmt.Errorf("execute plugin %q: %w", name, err)
	}
	reported := new(types.Error)
	if json.Unmarshal(stdout.Bytes(), reported) == nil && (reported.Msg != "" || reported.Code != 0) {
		return fmt.Errorf("plugin %q: %w", name, reported)
	}
	return types.NewError(types.ErrInternal, fmt.Sprintf("plugin %q: %v", name, err), stderr.tail())
}

// Decode reads an answer to VERSION.
func (r Runner) Decode(answer []byte) (version.PluginInfo, error) {
	return (&version.PluginDecoder{}).Decode(answer)
}

// capped keeps the first outputLimit bytes and drops the rest.
type capped struct{ bytes.Buffer }

func (c *capped) Write(p []byte) (int, error) {
	if room := outputLimit - c.Len(); room < len(p) {
		c.Buffer.Write(p[:max(room, 0)])
	} else {
		c.Buffer.Write(p)
	}
	return len(p), nil
}

// tail is the end of the text, where a program says why it failed.
func (c *capped) tail() string {
	text := strings.TrimSpace(c.String())
	if len(text) > 1000 {
		text = text[len(text)-1000:]
	}
	return text
}
