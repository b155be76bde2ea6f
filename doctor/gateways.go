package doctor

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"

	"github.com/braid-cni/braid/kernel"
	"github.com/braid-cni/braid/wire"
)

// A bridge is one that pods of Braid are, or will be, ports of.
type bridge struct {
	kernel.Link
	// subnets are those in which the host is the pods' gateway; none where the bridge only connects its ports.
	subnets []netip.Prefix
}

// bridges finds Braid's bridges: those with its mark, those of its pods, and that which its configuration will make.
func (v *visit) bridges() ([]bridge, error) {
	if v.hostErr != nil {
		return nil, v.hostErr
	}
	var all []bridge
	ports := v.portsOf()
	for _, l := range v.links {
		if l.Kind != "bridge" || l.Alias != kernel.BridgeAlias && !ports[l.Name] {
			continue
		}
		addresses, err := v.host.Addresses(l.Index)
		if err != nil {
			return nil, fmt.Errorf("read addresses of bridge %s: %w", l.Name, err)
		}
		all = append(all, bridge{Link: l, subnets: subnets(addresses)})
	}
	if name, ranges := v.clusterBridge(); name != "" {
		if _, there := v.link(name); !there {
			all = append(all, bridge{Link: kernel.Link{Name: name}, subnets: ranges})
		}
	}
	slices.SortFunc(all, func(a, b bridge) int { return cmp.Compare(a.Name, b.Name) })
	return all, nil
}

// portsOf are the bridges on which the agent's pods are by links of ours.
func (v *visit) portsOf() map[string]bool {
	found := map[string]bool{}
	v.attachments(func(_ wire.Container, i wire.Interface) {
		if i.Bridge != "" && kernel.IsLinkName(i.HostLink) {
			found[i.Bridge] = true
		}
	})
	return found
}

func subnets(addresses []kernel.Address) (all []netip.Prefix) {
	for _, a := range addresses {
		if !a.Prefix.Addr().IsLinkLocalUnicast() {
			all = append(all, a.Prefix.Masked())
		}
	}
	return all
}

// clusterBridge is the bridge that the configuration makes for eth0 when the first pod comes, and its ranges.
func (v *visit) clusterBridge() (name string, ranges []netip.Prefix) {
	for _, network := range v.inlineNetworks() {
		if network.Type == "bridge" || network.Type == "braid-bridge" {
			for _, r := range network.ipam().ranges() {
				ranges = append(ranges, r.Subnet)
			}
			return network.Bridge, ranges
		}
	}
	return "", nil
}

// An inlineNetwork is a network whose configuration stands in a file, as far as it is read here.
type inlineNetwork struct {
	Name   string          `json:"name"`
	Type   string          `json:"type"`
	Bridge string          `json:"bridge"`
	IPAM   json.RawMessage `json:"ipam"`
}

// inlineNetworks are the plugins of clusterNetwork in our configuration, none where that names another file or a NAD.
func (v *visit) inlineNetworks() []inlineNetwork {
	c := v.used()
	if c == nil || c.err != nil {
		return nil
	}
	var all []inlineNetwork
	for _, p := range c.plugins {
		var o struct {
			Cluster json.RawMessage `json:"clusterNetwork"`
		}
		if json.Unmarshal(p.raw, &o) == nil {
			all = append(all, networksIn(o.Cluster)...)
		}
	}
	return all
}

// networksIn reads a configuration or a list. What is neither holds none.
func networksIn(raw json.RawMessage) []inlineNetwork {
	var list struct {
		inlineNetwork
		Plugins []inlineNetwork `json:"plugins"`
	}
	if json.Unmarshal(raw, &list) != nil {
		return nil
	}
	if list.Plugins == nil {
		return []inlineNetwork{list.inlineNetwork}
	}
	for i := range list.Plugins {
		list.Plugins[i].Name = list.Name
	}
	return list.Plugins
}
