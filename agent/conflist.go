package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/braid-cni/braid/agent/hostfile"
	"github.com/braid-cni/braid/api/agentconfig"
	"github.com/braid-cni/braid/wire"
	"github.com/braid-cni/braid/wire/ask"
)

const (
	// lookEvery is how often the files are looked at without a notice; lookSoon, while they are not as they should be.
	lookEvery = 30 * time.Second
	lookSoon  = time.Second
	// askPause is the pause between two questions whether the agent can serve.
	askPause = 100 * time.Millisecond
	// firstReadyWithin bounds the question whether the default network is ready; the agent answers sooner.
	firstReadyWithin = 5 * time.Second
	// leaveWithin bounds what is done when the agent stops, within the pod's grace period.
	leaveWithin = 5 * time.Second
)

// An Installation knows whether an agent that is stopped will not come back, because Braid is being uninstalled.
type Installation interface {
	Uninstalled(ctx context.Context) bool
}

// A ConfList is the task that makes Braid the node's CNI. From the AgentConfiguration it renders a CNI configuration list,
// installs it when calls can be answered, keeps it against those who remove or change it, and takes it away when Braid is
// uninstalled. A stop for any other reason leaves it.
type ConfList struct {
	// File is the AgentConfiguration, Root the host's root.
	File, Root string
	// Socket is where the agent answers, Synced whether it has seen the cluster.
	Socket string
	Synced func() bool
	// Ranges may be nil; clusterNetwork auto is then for nodes with another CNI only.
	Ranges Ranger
	// Installation may be nil: nothing is ever taken away then.
	Installation Installation
	// State is the folder in which it is remembered what was written where; empty remembers nothing.
	State string
	// Conditions may be nil; the Node then says nothing.
	Conditions *Conditions
	// LogLevel is set to the configuration's; it may be nil.
	LogLevel *slog.LevelVar
	Log      *slog.Logger

	mu        sync.Mutex
	looked    bool
	reason    error
	at        place
	installed []byte // what at should be
}

var _ Task = (*ConfList)(nil)

// String names the task.
func (c *ConfList) String() string { return "CNI configuration" }

// Ready says why the runtime does not use Braid as it is configured to, nil if it does.
func (c *ConfList) Ready() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.looked {
		return errors.New("the CNI configuration is not installed before the agent can serve pods")
	}
	return c.reason
}

// path is that of the file, empty while none is wanted.
func (c *ConfList) path() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at.name == "" {
		return ""
	}
	return c.at.path()
}

// stdin is what the runtime sends to the plugin by the file, nil while none is wanted.
func (c *ConfList) stdin() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return sentBy(c.installed)
}

// sentBy is what the runtime sends to the plugin by a rendered list, nil where there is none.
func sentBy(content []byte) []byte {
	list := chainOf(content)
	if len(list.Plugins) != 1 {
		return nil
	}
	stdin, err := list.sent(list.Plugins[0], nil)
	if err != nil {
		return nil // what was rendered can be read
	}
	return stdin
}

// condition is what the Node should say, nil before it is known.
func (c *ConfList) condition() *wire.Condition {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.looked {
		return nil
	}
	now := conditionOf(c.at, c.reason)
	return &wire.Condition{Type: now.Type, Status: now.Met, Reason: now.Reason, Message: now.Message}
}

// Run keeps the file until ctx is done.
func (c *ConfList) Run(ctx context.Context) error {
	chooser := &chooser{root: c.Root, ranges: c.Ranges}
	memory, err := recall(c.State)
	if err != nil {
		c.Log.Warn("a CNI configuration that was written elsewhere stays", "error", err)
	}
	keeper := &keeper{root: c.Root, log: c.Log, memory: memory}
	watcher := newWatcher(c.Log)
	defer watcher.close()
	for c.serving(ctx) {
		err := errors.Join(c.configure(ctx, chooser, keeper), keeper.keep())
		if ctx.Err() != nil {
			break
		}
		watcher.follow(filepath.Dir(c.File), c.inContainer(keeper.at.dir))
		watcher.wait(ctx.Done(), c.note(keeper, err))
	}
	return c.leave(context.WithoutCancel(ctx), keeper)
}

// serving waits until the agent has seen the cluster and answers; it is false when ctx is done before.
func (c *ConfList) serving(ctx context.Context) bool {
	for ctx.Err() == nil && !c.serves(ctx) {
		select {
		case <-ctx.Done():
		case <-time.After(askPause):
		}
	}
	return ctx.Err() == nil
}

func (c *ConfList) serves(ctx context.Context) bool {
	c.mu.Lock()
	before := c.looked
	c.mu.Unlock()
	if before {
		return true
	}
	if !c.Synced() {
		return false
	}
	// An answer, about a pod whose name no pod can have, shows that it is not the socket of an agent that is gone.
	_, err := ask.Inspection(ctx, c.Socket, "-", "-")
	return err == nil
}

// configure reads the AgentConfiguration and tells the keeper what it comes to. With mistakes in it nothing changes.
func (c *ConfList) configure(ctx context.Context, chooser *chooser, keeper *keeper) error {
	config, err := c.read()
	if err != nil {
		return because(reasonInvalid, err)
	}
	if c.LogLevel != nil {
		c.LogLevel.Set(config.LogLevel)
	}
	at := place{dir: config.ConfDir, name: config.Conflist}
	if at.name == "" {
		keeper.want(at, nil)
		return nil
	}
	network, err := chooser.choose(ctx, config)
	if err != nil {
		return because(reasonUndecided, err)
	}
	content, err := render(config, network)
	if err != nil {
		return because(reasonInvalid, err)
	}
	if keeper.content == nil && chooser.installed(config) == nil {
		if err := c.firstReady(ctx, config.BinDir, content); err != nil {
			return because(reasonNotReady, err)
		}
	}
	keeper.want(at, content)
	return nil
}

// firstReady asks the agent, as the runtime will, whether pods can be attached to the default network. Before the file is
// there for the first time, a node is not said to take pods that would fail. Afterwards the runtime asks by itself.
func (c *ConfList) firstReady(ctx context.Context, binDir string, content []byte) error {
	ctx, cancel := context.WithTimeout(ctx, firstReadyWithin)
	defer cancel()
	if err := ask.Status(ctx, c.Socket, binDir, sentBy(content)); err != nil {
		return fmt.Errorf("the CNI configuration is not installed before the default network is ready: %w", err)
	}
	return nil
}

func (c *ConfList) read() (agentconfig.Config, error) {
	text, err := os.ReadFile(c.File)
	if err != nil {
		return agentconfig.Config{}, fmt.Errorf("read the AgentConfiguration (is ConfigMap braid-system/braid-config there?): %w", err)
	}
	return agentconfig.Parse(text)
}

// inContainer is where this process finds a folder of the host, empty when it cannot.
func (c *ConfList) inContainer(dir string) string {
	folder, err := hostfile.Open(c.Root, dir)
	if err != nil {
		return ""
	}
	defer folder.Close()
	return folder.Path
}

// note keeps the reason for Ready, logs one that is new, tells the Node, and says when to look again.
func (c *ConfList) note(k *keeper, err error) time.Duration {
	if c.Conditions != nil {
		c.Conditions.Set(conditionOf(k.at, err))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at, c.installed = k.at, k.content
	if err != nil && (c.reason == nil || c.reason.Error() != err.Error()) {
		c.Log.Error("the CNI configuration is not as it should be", "error", err)
	}
	c.looked, c.reason = true, err
	if err != nil {
		return lookSoon
	}
	return lookEvery
}

// leave takes the file away when Braid is being uninstalled, so that the previous CNI's counts again. Pods that run keep
// their networks.
func (c *ConfList) leave(ctx context.Context, keeper *keeper) error {
	ctx, cancel := context.WithTimeout(ctx, leaveWithin)
	defer cancel()
	if c.Installation == nil || !c.Installation.Uninstalled(ctx) {
		return nil
	}
	at := keeper.at
	if at.dir == "" { // stopped before it was decided
		config, err := c.read()
		if err != nil {
			config = agentconfig.Default()
		}
		at = place{dir: config.ConfDir, name: config.Conflist}
	}
	return keeper.leave(at)
}
