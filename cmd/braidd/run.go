package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"github.com/braid-cni/braid/agent"
	"github.com/braid-cni/braid/cluster"
	"github.com/braid-cni/braid/cluster/files"
	"github.com/braid-cni/braid/delegate"
	"github.com/braid-cni/braid/ipam"
	"github.com/braid-cni/braid/ipam/hostlocal"
	"github.com/braid-cni/braid/ipam/static"
	"github.com/braid-cni/braid/kernel"
	"github.com/braid-cni/braid/plugins"
	"github.com/braid-cni/braid/store"
	"github.com/braid-cni/braid/wire"
)

// pluginWithin bounds one execution of a third-party plugin.
const pluginWithin = 60 * time.Second

// options are the flags.
type options struct {
	kubeconfig, nodeName, files string
	socket, state, run, root    string
	health, profiles            string
	config, daemonSet           string
	logLevel                    slog.LevelVar
}

// version is what the Go toolchain stamped: a release's tag, or a commit.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}

// command returns the command line, which logs to w.
func command(w io.Writer) *cobra.Command {
	o := new(options)
	cmd := &cobra.Command{
		Use:           "braidd",
		Short:         "Node agent of Braid: every network a Kubernetes pod needs, from one CNI",
		Version:       version(),
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.serve(cmd.Context(), slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: &o.logLevel})))
		},
	}
	cmd.AddCommand(o.onceCommand(w), o.installCommand(w))
	f := cmd.Flags()
	f.StringVar(&o.kubeconfig, "kubeconfig", "", "kubeconfig of the cluster; empty uses the pod's service account")
	f.StringVar(&o.health, "health", "", "address for /metrics, /healthz and /readyz, such as 127.0.0.1:9808; empty for the configuration's")
	f.StringVar(&o.profiles, "pprof", "", "loopback address for profiles of the agent, such as 127.0.0.1:6060; empty serves none")
	f.StringVar(&o.daemonSet, "daemonset", os.Getenv("BRAID_DAEMONSET"), "namespace/name of the DaemonSet that runs this agent, default $BRAID_DAEMONSET: "+
		"when it is deleted, the agent takes its CNI configuration away")
	f = cmd.PersistentFlags()
	f.StringVar(&o.nodeName, "node-name", os.Getenv("NODE_NAME"), "name of this node, default $NODE_NAME")
	f.StringVar(&o.files, "files", "", "folder of NetworkAttachmentDefinitions and Pods, for a machine without a cluster")
	f.StringVar(&o.socket, "socket", wire.Socket, "unix socket for the braid binary")
	f.StringVar(&o.state, "state", "/var/lib/braid", "folder of the durable state")
	f.StringVar(&o.run, "run", filepath.Dir(wire.Socket), "folder on a tmpfs for what need not survive a reboot")
	f.StringVar(&o.root, "host-root", "/", "where the host's root file system is mounted")
	f.StringVar(&o.config, "config", "", "AgentConfiguration, from which the agent installs the node's CNI configuration; empty installs none")
	f.TextVar(&o.logLevel, "log-level", &o.logLevel, "debug, info, warn or error; the configuration's counts where there is one")
	return cmd
}

// serve constructs the agent and runs it until ctx is done.
func (o *options) serve(ctx context.Context, log *slog.Logger) (err error) {
	view, tasks, err := o.view()
	if err != nil {
		return err
	}
	state, err := store.Open(filepath.Join(o.state, "braid.db"), nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, state.Close()) }()
	publisher := agent.NewPublisher(state, view, log)
	metrics := agent.NewMetrics()
	metrics.Pending(publisher)
	handler, err := o.handler(state, view, publisher, metrics, log)
	if err != nil {
		return err
	}
	if handler.Devices, err = o.kubelet(); err != nil {
		return err
	}
	tasks = append(tasks, publisher, agent.NewRemover(handler), &agent.Server{Socket: o.socket, Handler: handler, Log: log})
	health := &agent.Health{Address: o.health, Metrics: metrics, Ready: handler.Ready, Log: log}
	if o.config != "" {
		more, err := o.configured(view, handler, health, log)
		if err != nil {
			return err
		}
		tasks = append(tasks, more...)
	}
	if health.Address != "" {
		tasks = append(tasks, health)
	}
	if o.profiles != "" {
		tasks = append(tasks, &agent.Profiles{Address: o.profiles, Log: log})
	}
	log.Info("braidd starts", "version", version(), "node", o.nodeName, "socket", o.socket, "state", o.state)
	return agent.Run(ctx, log, tasks...)
}

// handler puts the agent together that carries calls out.
func (o *options) handler(state *store.Store, view cluster.View, publisher *agent.Publisher, metrics *agent.Metrics, log *slog.Logger) (*agent.Agent, error) {
	k := kernel.New(kernel.Options{Root: o.root})
	drivers := map[string]ipam.Driver{
		"host-local": hostlocal.New(hostlocal.Options{Root: o.root}),
		"static":     static.New(),
	}
	delegator, err := o.delegator(k, drivers, metrics)
	if err != nil {
		return nil, err
	}
	return &agent.Agent{
		Store: state, View: view, Kernel: k, Delegator: delegator, Drivers: drivers, Publisher: publisher, Metrics: metrics,
		Log: log, Node: o.nodeName, Version: version(), Root: o.root,
		ReadyMark: filepath.Join(filepath.Dir(o.socket), filepath.Base(wire.ReadyMark)),
	}, nil
}

// view is the cluster, or the folder that stands for one, with the task that keeps it up to date.
func (o *options) view() (cluster.View, []agent.Task, error) {
	if o.files != "" {
		return files.New(o.files), nil, nil
	}
	return o.cluster()
}

// delegator puts the built-in plugins and the means to execute others together. libcni's folder is there from the beginning, so
// that no pod leaves it behind.
func (o *options) delegator(k kernel.Kernel, drivers map[string]ipam.Driver, metrics *agent.Metrics) (*delegate.Delegator, error) {
	cache := filepath.Join(o.run, "libcni")
	if err := os.MkdirAll(filepath.Join(cache, "results"), 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of results: %w", err)
	}
	runner := delegate.Runner{
		Root: o.root, Timeout: pluginWithin, InsideVariable: wire.InsideVariable, Env: []string{wire.SocketVariable + "=" + o.socket},
	}
	reaper := kernel.NewReaper(k)
	return delegate.New(delegate.Options{
		Builtins: plugins.Builtin(plugins.Deps{Kernel: k, Drivers: ipam.NewDrivers(ipam.Prefer, drivers, runner), IPAM: drivers}),
		Runner:   runner,
		Teardown: func() delegate.Teardown { return reaper.Teardown() },
		Sandbox:  agent.Sandbox{Kernel: k},
		CacheDir: cache,
		Observe:  metrics.Attachment,
	}), nil
}
