package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/braid-cni/braid/ipam"
	"github.com/braid-cni/braid/kernel"
	"github.com/braid-cni/braid/netattach"
	"github.com/braid-cni/braid/store"
	"github.com/braid-cni/braid/wire"
)

// A resolved is a network as a pod would get it now.
type resolved struct {
	source  netattach.Source
	planned *netattach.Attachment // nil when err says why, or when there is nothing to know
	err     error
}

// attachment is what would be stored of it, nothing where it cannot be used.
func (r resolved) attachment() []store.Attachment {
	if r.planned == nil {
		return nil
	}
	return []store.Attachment{{Network: r.planned.Network, Config: r.planned.Config, Capabilities: r.planned.CapabilityArgs}}
}

func (r resolved) report() *wire.ClusterNetwork {
	if r.source.IsZero() && r.err == nil {
		return nil
	}
	shown := &wire.ClusterNetwork{From: r.source.Path}
	if !r.source.NAD.IsZero() {
		shown.From = r.source.NAD.String()
	}
	if r.err != nil {
		shown.Problem = r.err.Error()
	}
	if r.planned != nil {
		shown.Network, shown.Plugins = r.planned.Network, chainOf(r.planned.Config).types()
	}
	return shown
}

// config is what the agent installs for the runtime to send, else what the runtime sent last, else nil.
func (a *Agent) config() []byte {
	if a.ConfList != nil {
		if stdin := a.ConfList.stdin(); stdin != nil {
			return stdin
		}
	}
	return a.remembered().config
}

// clusterNetwork is eth0 of pods; the zero resolved while nothing is known of it.
func (a *Agent) clusterNetwork(ctx context.Context) resolved {
	stdin := a.config()
	if stdin == nil {
		return resolved{}
	}
	config, _, err := netattach.ParseConfig(stdin)
	if err != nil || config.ClusterNetwork.IsZero() {
		return resolved{err: err}
	}
	return a.resolve(ctx, config)
}

// networkOf is a NetworkAttachmentDefinition under the rules that the node's configuration has, or its defaults.
func (a *Agent) networkOf(ctx context.Context, key netattach.Key) resolved {
	stdin := a.config()
	if stdin == nil {
		stdin = []byte(`{"cniVersion":"1.1.0","name":"braid","type":"braid"}`)
	}
	config, _, err := netattach.ParseConfig(stdin)
	if err != nil {
		return resolved{err: err}
	}
	config.ClusterNetwork = netattach.Source{NAD: key}
	return a.resolve(ctx, config)
}

// resolve plans a cluster network without a pod. It waits for nothing on the disk.
func (a *Agent) resolve(ctx context.Context, config netattach.Config) resolved {
	config.DefaultNetworks, config.Delegates = nil, nil
	r := resolved{source: config.ClusterNetwork}
	r.planned, r.err = a.defaultNetwork(ctx, config, 0)
	return r
}

// inspectNetwork answers about one network: as it is defined now, and as containers have it.
func (a *Agent) inspectNetwork(ctx context.Context, r *wire.Request) ([]byte, error) {
	cluster := a.clusterNetwork(ctx)
	stored, err := a.Store.Containers()
	if err != nil {
		a.Log.Warn("some stored containers cannot be read", "error", err)
	}
	report := wire.NetworkReport{Node: a.Node, Name: ipam.ParseArgs(r.Args)["NETWORK"], Containers: []wire.Container{}}
	network := a.named(ctx, &report, cluster, stored)
	if network.err != nil {
		report.Problem = network.err.Error()
	}
	host, err := a.hostLinks()
	if err != nil {
		return nil, err
	}
	if report.Containers, err = a.attached(stored, report.Name, host); err != nil {
		return nil, err
	}
	known := append(network.attachment(), attachmentsTo(stored, report.Name)...)
	if len(known) == 0 {
		return nil, fmt.Errorf("network %s cannot be shown, and no pod on this node is attached to it: %w", report.Name, network.err)
	}
	c := chainOf(known[0].Config)
	report.CNIName, report.Plugins, report.MTU, report.Ranges = c.Name, c.types(), c.mtu(), a.ranges(known)
	report.Bridges, err = a.bridges(host, c.bridge(), report.Containers)
	if err != nil {
		return nil, err
	}
	return json.Marshal(report)
}

// named finds out which network a name means: that of eth0, or a NetworkAttachmentDefinition.
func (a *Agent) named(ctx context.Context, report *wire.NetworkReport, cluster resolved, stored []*store.Container) resolved {
	isCluster := cluster.planned != nil && cluster.planned.Network == report.Name
	if isCluster || slices.ContainsFunc(attachmentsTo(stored, report.Name), func(at store.Attachment) bool { return at.Default }) {
		report.Default = true
		if !isCluster {
			cluster.planned, cluster.err = nil, errors.Join(cluster.err, fmt.Errorf("eth0 of new pods is on another network than %s", report.Name))
		}
		return cluster
	}
	namespace, name, found := strings.Cut(report.Name, "/")
	if !found {
		namespace, name = "default", report.Name
		report.Name = namespace + "/" + name
	}
	return a.networkOf(ctx, netattach.Key{Namespace: namespace, Name: name})
}

// attachmentsTo are the stored attachments to one network, the newest first.
func attachmentsTo(stored []*store.Container, network string) (all []store.Attachment) {
	newest := slices.Clone(stored)
	slices.SortFunc(newest, func(a, b *store.Container) int { return b.Intended.Compare(a.Intended) })
	for _, c := range newest {
		for _, at := range attachmentsOf(c) {
			if at.Network == network {
				all = append(all, at)
			}
		}
	}
	return all
}

// attached are the containers that have an interface on a network, as the kernel has it.
func (a *Agent) attached(stored []*store.Container, network string, host []kernel.Link) ([]wire.Container, error) {
	all := []wire.Container{}
	for _, c := range stored {
		if len(attachmentsTo([]*store.Container{c}, network)) == 0 {
			continue
		}
		shown, err := a.inspectContainer(c, host)
		if err != nil {
			return nil, err
		}
		shown.Interfaces = slices.DeleteFunc(shown.Interfaces, func(i wire.Interface) bool { return i.Network != network })
		all = append(all, shown)
	}
	sortContainers(all)
	return all, nil
}

// bridges are those of a network that the kernel has: the one that it names, and those of its interfaces.
func (a *Agent) bridges(host []kernel.Link, named string, containers []wire.Container) ([]wire.Link, error) {
	names := map[string]bool{named: true}
	for _, c := range containers {
		for _, i := range c.Interfaces {
			names[i.Bridge] = true
		}
	}
	netns, err := a.Kernel.Host()
	if err != nil {
		return nil, err
	}
	defer netns.Close()
	links := slices.DeleteFunc(slices.Clone(host), func(link kernel.Link) bool { return link.Kind != "bridge" || !names[link.Name] })
	return showLinks(netns, host, links, nil)
}
