package agent

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"

	"github.com/braid-cni/braid/ipam"
	"github.com/braid-cni/braid/store"
	"github.com/braid-cni/braid/wire"
)

// A chain is a CNI configuration list as it is shown: what cannot be read of it is left out.
type chain struct {
	Name       string                       `json:"name"`
	CNIVersion string                       `json:"cniVersion"`
	Plugins    []map[string]json.RawMessage `json:"plugins"`
}

func chainOf(config json.RawMessage) chain {
	var c chain
	_ = json.Unmarshal(config, &c) // the zero chain has no plugins
	return c
}

// types are those of the plugins, in order.
func (c chain) types() (types []string) {
	for _, plugin := range c.Plugins {
		types = append(types, word(plugin["type"]))
	}
	return types
}

// bridge is the one that the network names, empty where it names none.
func (c chain) bridge() string {
	for _, plugin := range c.Plugins {
		if name := word(plugin["bridge"]); name != "" {
			return name
		}
	}
	return ""
}

// mtu is the first that is set, 0 where none is.
func (c chain) mtu() (mtu int) {
	for _, plugin := range c.Plugins {
		if json.Unmarshal(plugin["mtu"], &mtu) == nil && mtu != 0 {
			return mtu
		}
	}
	return 0
}

// sent is what libcni sends to a plugin of the chain, but for what hangs on the attachment.
func (c chain) sent(plugin map[string]json.RawMessage, capabilities map[string]json.RawMessage) ([]byte, error) {
	plugin = maps.Clone(plugin)
	for key, value := range map[string]string{"name": c.Name, "cniVersion": c.CNIVersion} {
		quoted, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		plugin[key] = quoted
	}
	var declared map[string]bool
	if json.Unmarshal(plugin["capabilities"], &declared) == nil && declared["ipRanges"] && capabilities["ipRanges"] != nil {
		runtime, err := json.Marshal(map[string]json.RawMessage{"ipRanges": capabilities["ipRanges"]})
		if err != nil {
			return nil, err
		}
		plugin["runtimeConfig"] = runtime
	}
	return json.Marshal(plugin)
}

func word(raw json.RawMessage) (s string) {
	_ = json.Unmarshal(raw, &s) // empty for anything else
	return s
}

// configurations are the attachments of containers, one for each configuration that there is.
func configurations(containers []*store.Container) (all []store.Attachment) {
	seen := map[string]bool{}
	for _, c := range containers {
		for _, at := range c.Attachments {
			if key := at.Network + " " + string(at.Config) + string(at.Capabilities["ipRanges"]); !seen[key] {
				seen[key] = true
				all = append(all, at)
			}
		}
	}
	return all
}

// ranges counts what is given of the networks' ranges, sorted and each once. IPAM that is not built in is left out, and so
// is what cannot be read.
func (a *Agent) ranges(attachments []store.Attachment) []wire.Range {
	all := []wire.Range{}
	for _, at := range attachments {
		c := chainOf(at.Config)
		for _, plugin := range c.Plugins {
			all = append(all, a.rangesOf(at, c, plugin)...)
		}
	}
	slices.SortFunc(all, func(a, b wire.Range) int {
		return cmp.Or(cmp.Compare(a.Network, b.Network), cmp.Compare(a.Range, b.Range))
	})
	return slices.CompactFunc(all, func(a, b wire.Range) bool { return a.Network == b.Network && a.Range == b.Range })
}

func (a *Agent) rangesOf(at store.Attachment, c chain, plugin map[string]json.RawMessage) (all []wire.Range) {
	var kind struct{ Type string }
	if json.Unmarshal(plugin["ipam"], &kind) != nil {
		return nil
	}
	counter, ok := a.Drivers[kind.Type].(ipam.Counter)
	if !ok {
		return nil
	}
	config, err := c.sent(plugin, at.Capabilities)
	if err != nil {
		return nil
	}
	usages, err := counter.Usage(config)
	if err != nil {
		a.Log.Debug("a network's ranges are not counted", "network", at.Network, "error", err)
		return nil
	}
	for _, u := range usages {
		all = append(all, wire.Range{Network: at.Network, Range: u.Range, Used: u.Used, Total: json.Number(u.Total.String())})
	}
	return all
}
