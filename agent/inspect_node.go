package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/braid-cni/braid/store"
	"github.com/braid-cni/braid/wire"
)

// A history is what an agent remembers of the calls that it was sent. The zero value is of none.
type history struct {
	// config is what the runtime sent last, collected when its last GC that succeeded ended.
	config    []byte
	collected time.Time
}

// remember notes a call of the runtime.
func (a *Agent) remember(r *wire.Request, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.history.config = r.Config
	if r.Command == "GC" && err == nil {
		a.history.collected = time.Now().UTC()
	}
}

func (a *Agent) remembered() history {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.history
}

// Ready says why pods are not served as configured, nil if they are.
func (a *Agent) Ready() error {
	if !a.View.Synced() {
		return errors.New("the caches have not seen the cluster yet; is the API server in reach?")
	}
	if a.ConfList != nil {
		return a.ConfList.Ready()
	}
	return nil
}

// inspectNode answers with what the agent is and has.
func (a *Agent) inspectNode(ctx context.Context, _ *wire.Request) ([]byte, error) {
	release, err := kernelRelease()
	if err != nil {
		return nil, err
	}
	report := wire.NodeReport{
		Node: a.Node, Version: a.Version, Kernel: release, Synced: a.View.Synced(), Pending: a.Publisher.Pending(),
		Collected: a.remembered().collected, Ready: true,
	}
	if err := a.Ready(); err != nil {
		report.Ready, report.Reason = false, err.Error()
	}
	if a.ConfList != nil {
		report.Conflist, report.Condition = a.ConfList.path(), a.ConfList.condition()
	}
	containers, err := a.Store.Containers()
	if err != nil {
		a.Log.Warn("some stored containers cannot be read", "error", err)
	}
	cluster := a.clusterNetwork(ctx)
	report.ClusterNetwork = cluster.report()
	report.Networks = uses(containers)
	report.Ranges = a.ranges(append(configurations(containers), cluster.attachment()...))
	return json.Marshal(report)
}

func kernelRelease() (string, error) {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return "", fmt.Errorf("read the kernel's release: %w", err)
	}
	return unix.ByteSliceToString(name.Release[:]), nil
}

// uses counts attachments by network and chain, sorted. What plugins before Braid made is counted without a chain.
func uses(containers []*store.Container) []wire.NetworkUse {
	all := []wire.NetworkUse{}
	count := func(at store.Attachment) {
		plugins := chainOf(at.Config).types()
		i, found := slices.BinarySearchFunc(all, wire.NetworkUse{Network: at.Network, Plugins: plugins}, compareUses)
		if !found {
			all = slices.Insert(all, i, wire.NetworkUse{Network: at.Network, Plugins: plugins})
		}
		all[i].Attachments++
	}
	for _, c := range containers {
		for _, at := range attachmentsOf(c) {
			count(at)
		}
	}
	return all
}

func compareUses(a, b wire.NetworkUse) int {
	return slices.Compare(append([]string{a.Network}, a.Plugins...), append([]string{b.Network}, b.Plugins...))
}

// attachmentsOf are all interfaces of a container, what plugins before Braid made first.
func attachmentsOf(c *store.Container) []store.Attachment {
	if c.Chained == nil {
		return c.Attachments
	}
	return append([]store.Attachment{*c.Chained}, c.Attachments...)
}
