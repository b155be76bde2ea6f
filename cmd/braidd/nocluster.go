//go:build nocluster

// With the tag nocluster braidd serves a folder of manifests only. It is the same agent without client-go: much smaller,
// and built in a fraction of the time.

package main

import (
	"errors"
	"log/slog"

	"github.com/braid-cni/braid/agent"
	"github.com/braid-cni/braid/cluster"
)

var errNoCluster = errors.New("this braidd was built for machines without a cluster: set --files, or build it without the tag nocluster")

func (o *options) kubelet() (agent.Devices, error) { return nil, nil }

func (o *options) cluster() (cluster.View, []agent.Task, error) { return nil, nil, errNoCluster }

func (o *options) clusterInstallation(string, string, *slog.Logger) (installation, error) {
	return nil, errNoCluster
}
