package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/braid-cni/braid/agent"
	"github.com/braid-cni/braid/api/agentconfig"
	"github.com/braid-cni/braid/cluster"
)

// configured returns the tasks of an agent that has an AgentConfiguration, and sets what the agent and health take from it.
func (o *options) configured(view cluster.View, handler *agent.Agent, health *agent.Health, log *slog.Logger) ([]agent.Task, error) {
	config, err := o.configuration()
	if err != nil {
		// Pods are served with the CNI configuration that the node has. The task says what is wrong until it is mended.
		log.Warn("the defaults count for what is read at the start only: the health address", "error", err)
	}
	o.logLevel.Set(config.LogLevel)
	conditions := agent.NewConditions(view, log)
	task := &agent.ConfList{
		File: o.config, Root: o.root, Socket: o.socket, Synced: view.Synced, State: o.state, Conditions: conditions,
		LogLevel: &o.logLevel, Log: log,
	}
	if ranger, ok := view.(agent.Ranger); ok {
		task.Ranges = ranger
	}
	handler.ConfList = task
	if health.Address == "" {
		health.Address = config.HealthAddress
	}
	if o.daemonSet == "" {
		return []agent.Task{task, conditions}, nil
	}
	installation, err := o.installation(log)
	if err != nil {
		return nil, err
	}
	task.Installation = installation
	return []agent.Task{task, conditions, installation}, nil
}

// configuration reads the AgentConfiguration. With mistakes in it, the defaults are returned beside the error.
func (o *options) configuration() (agentconfig.Config, error) {
	text, err := os.ReadFile(o.config)
	if err != nil {
		return agentconfig.Default(), fmt.Errorf("read the AgentConfiguration: %w", err)
	}
	config, err := agentconfig.Parse(text)
	if err != nil {
		return agentconfig.Default(), err
	}
	return config, nil
}

// An installation is known by the DaemonSet that runs this agent.
type installation interface {
	agent.Installation
	agent.Task
}

func (o *options) installation(log *slog.Logger) (installation, error) {
	namespace, name, found := strings.Cut(o.daemonSet, "/")
	if !found || namespace == "" || name == "" {
		return nil, fmt.Errorf("--daemonset or $BRAID_DAEMONSET is %q: write namespace/name", o.daemonSet)
	}
	if o.files != "" {
		return nil, errors.New("--daemonset and --files exclude each other: without a cluster there is no DaemonSet")
	}
	return o.clusterInstallation(namespace, name, log)
}
