package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/containernetworking/cni/libcni"
	"github.com/containernetworking/cni/pkg/types"

	"github.com/braid-cni/braid/delegate"
	"github.com/braid-cni/braid/ipam"
	"github.com/braid-cni/braid/netattach"
	"github.com/braid-cni/braid/store"
	"github.com/braid-cni/braid/wire"
)

// collect is GC: containers that the runtime does not list are taken away as DEL does, and each network's plugins are
// told which attachments are left. The runtime lists its own interface of a container; every attachment that the agent
// made for it is as valid as that.
func (a *Agent) collect(ctx context.Context, r *wire.Request) error {
	config, _, err := netattach.ParseConfig(r.Config)
	if err != nil {
		return invalid(types.ErrInvalidNetworkConfig, err.Error())
	}
	listed, err := delegate.ValidAttachments(r.Config)
	if err != nil {
		return err
	}
	a.gc.Lock()
	defer a.gc.Unlock()
	all, err := a.Store.Containers()
	if err != nil {
		return fmt.Errorf("a record is broken, so it cannot be told what is left: %w", err)
	}
	valid, stale := sortOut(all, listed, config.Name)
	networks, err := networksOf(valid)
	if err != nil {
		return err
	}
	// If its state was lost, the default network has attachments of which nothing is stored.
	if !config.ClusterNetwork.IsZero() {
		if network, err := a.defaultNetwork(ctx, config, rewrittenWithin); err == nil {
			if _, err := networks.note(network.Config); err != nil {
				return err
			}
		}
	}
	others := a.unknown(all, listed, config)
	return errors.Join(a.drop(ctx, stale), a.forward(ctx, networks, others, pluginPath(r, config), ipam.Policy(config.Builtins)))
}

// unknown are the attachments of containers that the runtime lists and the store does not have: made before Braid came,
// and as valid.
func (a *Agent) unknown(all []*store.Container, listed []ipam.Attachment, config netattach.Config) (others []ipam.Attachment) {
	known := map[string]bool{}
	for _, c := range all {
		known[c.Key()] = true
	}
	for _, l := range listed {
		if known[store.Key(l.ContainerID, l.IfName)] {
			continue
		}
		others = append(others, l)
		if h := a.inherit(&wire.Request{ContainerID: l.ContainerID, IfName: l.IfName}, config); h != nil {
			for _, at := range h.container.Attachments {
				others = append(others, ipam.Attachment{ContainerID: l.ContainerID, IfName: at.IfName})
			}
		}
	}
	return others
}

// sortOut tells containers that are left from those that are not. The runtime lists those of one of its networks: what is
// another one's is left.
func sortOut(all []*store.Container, listed []ipam.Attachment, network string) (valid, stale []*store.Container) {
	known := map[string]bool{}
	for _, l := range listed {
		known[store.Key(l.ContainerID, l.IfName)] = true
	}
	for _, c := range all {
		if known[c.Key()] || c.Network != "" && c.Network != network {
			valid = append(valid, c)
		} else {
			stale = append(stale, c)
		}
	}
	return valid, stale
}

// A networkSet is the configurations and the valid attachments of networks, by CNI name. Configurations that share a name
// share what their plugins keep.
type networkSet struct {
	configs  map[string]map[string]bool
	attached map[string][]ipam.Attachment
}

// networksOf are the networks that have attachments.
func networksOf(containers []*store.Container) (*networkSet, error) {
	s := &networkSet{configs: map[string]map[string]bool{}, attached: map[string][]ipam.Attachment{}}
	for _, c := range containers {
		for _, at := range c.Attachments {
			name, err := s.note(at.Config)
			if err != nil {
				return nil, fmt.Errorf("read the stored configuration of network %q: %w", at.Network, err)
			}
			s.attached[name] = append(s.attached[name], ipam.Attachment{ContainerID: c.ID, IfName: at.IfName})
		}
	}
	return s, nil
}

// note adds a configuration and returns its network's name.
func (s *networkSet) note(config []byte) (string, error) {
	list, err := libcni.NetworkConfFromBytes(config)
	if err != nil {
		return "", err
	}
	if s.configs[list.Name] == nil {
		s.configs[list.Name] = map[string]bool{}
	}
	s.configs[list.Name][string(config)] = true
	return list.Name, nil
}

// forward sends GC to the plugins of every network. The list of one configuration holds the attachments of all that share
// its name, and others besides.
func (a *Agent) forward(ctx context.Context, networks *networkSet, others []ipam.Attachment, path []string, policy ipam.Policy) error {
	var failures []error
	for name, variants := range networks.configs {
		valid := slices.Concat(networks.attached[name], others)
		for config := range variants {
			if err := a.Delegator.GC(ctx, []byte(config), path, policy, valid); err != nil {
				failures = append(failures, fmt.Errorf("collect in network %q: %w", name, err))
			}
		}
	}
	return errors.Join(failures...)
}
