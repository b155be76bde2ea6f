package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	netv1 "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	"golang.org/x/sync/errgroup"

	"github.com/braid-cni/braid/agent/hostfile"
	"github.com/braid-cni/braid/cluster"
	"github.com/braid-cni/braid/netattach"
	"github.com/braid-cni/braid/wire"
)

const (
	// diskPause is how long the agent waits before it looks again for a configuration file of another CNI.
	diskPause = 100 * time.Millisecond
	// diskWithin bounds that: a file that is being written is whole in a moment, a CNI that is being installed needs
	// longer and the runtime's next try finds it.
	diskWithin = 10 * time.Second
	// fetchers is how many NetworkAttachmentDefinitions are waited for at the same time.
	fetchers = 8
)

// plan gathers what the pod's networks refer to and decides what the pod gets. A configuration file that is not there
// yet, or not whole, is waited for: the CNI that Braid chains on may be starting.
func (a *Agent) plan(ctx context.Context, r *wire.Request, config netattach.Config, pod *cluster.Pod) (*netattach.Plan, error) {
	in := netattach.Input{
		Config: config, ContainerID: r.ContainerID, IfName: r.IfName, Args: r.Args,
	}
	if pod != nil {
		in.Pod = &netattach.Pod{Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID, Annotations: pod.Annotations}
	}
	return a.planWithin(ctx, in, min(config.Timeout, diskWithin))
}

// defaultNetwork is what eth0 of a pod without wishes would be. The configuration must have a clusterNetwork.
func (a *Agent) defaultNetwork(ctx context.Context, config netattach.Config, within time.Duration) (*netattach.Attachment, error) {
	plan, err := a.planWithin(ctx, netattach.Input{Config: config, IfName: "eth0"}, within)
	if err != nil {
		return nil, err
	}
	return &plan.Attachments[0], nil
}

// planWithin tries again for that long while a configuration file is not there or not whole, or the readiness indicator of
// the default network is not there.
func (a *Agent) planWithin(ctx context.Context, in netattach.Input, within time.Duration) (*netattach.Plan, error) {
	in.Builtin, in.Known = a.Delegator.Builtin(), &a.known
	deadline := time.Now().Add(within)
	for {
		if err := a.gather(ctx, &in); err != nil {
			return nil, err
		}
		plan, err := netattach.NewPlan(in)
		if err == nil {
			err = a.indicated(in.Config.ReadinessFile)
		}
		if err == nil || !errors.Is(err, netattach.ErrNotOnDisk) {
			return plan, err
		}
		if time.Now().Add(diskPause).After(deadline) {
			return nil, fmt.Errorf("%w: %w", errTryLater, err)
		}
		select {
		case <-time.After(diskPause):
		case <-ctx.Done():
			return nil, err
		}
	}
}

// indicated fails while the file that says that the default network works is missing; empty names none.
func (a *Agent) indicated(file string) error {
	if file == "" {
		return nil
	}
	f, err := hostfile.OpenFile(a.Root, file)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("readinessindicatorfile %s: %w: the default network's CNI writes it when it is ready", file, netattach.ErrNotOnDisk)
	}
	if err != nil {
		return fmt.Errorf("look for the readiness indicator: %w", err)
	}
	return f.Close()
}

// gather fetches what the plan needs to know, until nothing new is asked for. Files are read anew each time.
func (a *Agent) gather(ctx context.Context, in *netattach.Input) error {
	if in.Tenants == nil {
		in.Tenants = map[string]bool{}
	}
	if in.NADs == nil {
		in.NADs = map[netattach.Key]*netv1.NetworkAttachmentDefinition{}
	}
	in.Disk = netattach.Disk{}
	asked := map[netattach.Key]bool{}
	for {
		refs := netattach.References(*in)
		if refs.Devices {
			if err := a.allocated(ctx, in); err != nil {
				return err
			}
		}
		var missing []netattach.Key
		for _, key := range refs.NADs {
			if in.NADs[key] == nil && !asked[key] {
				missing = append(missing, key)
				asked[key] = true
			}
		}
		added, err := load(a.Root, refs.Paths, in.Disk)
		if err != nil {
			return err
		}
		if len(missing) == 0 && !added {
			return nil
		}
		if err := a.fetch(ctx, missing, in); err != nil {
			return err
		}
		if err := a.tenants(ctx, missing, in); err != nil {
			return err
		}
	}
}

// tenants notes whose NetworkAttachmentDefinitions are tenants'.
func (a *Agent) tenants(ctx context.Context, keys []netattach.Key, in *netattach.Input) error {
	for _, key := range keys {
		tenant, err := a.View.Tenant(ctx, key.Namespace)
		if err != nil {
			return fmt.Errorf("%w: %w", errTryLater, err)
		}
		in.Tenants[key.Namespace] = tenant
	}
	return nil
}

// fetch reads NetworkAttachmentDefinitions, side by side because each may be waited for.
func (a *Agent) fetch(ctx context.Context, keys []netattach.Key, in *netattach.Input) error {
	found := make([]*netv1.NetworkAttachmentDefinition, len(keys))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(fetchers)
	for i, key := range keys {
		group.Go(func() error {
			nad, err := a.View.NAD(ctx, key.Namespace, key.Name)
			if errors.Is(err, cluster.ErrNotFound) {
				return nil // the plan says so, beside all other mistakes
			}
			found[i] = nad
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("%w: %w", errTryLater, err)
	}
	for i, key := range keys {
		if found[i] != nil {
			in.NADs[key] = found[i]
		}
	}
	return nil
}
