package agent

import (
	"encoding/json"
	"fmt"
	"net/netip"

	"github.com/braid-cni/braid/api/agentconfig"
	"github.com/braid-cni/braid/netattach"
)

// clusterBridge is the bridge of the cluster network where no other CNI makes one.
const clusterBridge = "braid0"

// A confList is Braid's CNI configuration as the container runtime reads it, in the order in which people do.
type confList struct {
	CNIVersion string     `json:"cniVersion"`
	Name       string     `json:"name"`
	Plugins    []metaConf `json:"plugins"`
}

type metaConf struct {
	Type               string            `json:"type"`
	Capabilities       map[string]bool   `json:"capabilities"`
	ClusterNetwork     json.RawMessage   `json:"clusterNetwork"`
	DefaultNetworks    []json.RawMessage `json:"defaultNetworks"`
	NamespaceIsolation bool              `json:"namespaceIsolation"`
	GlobalNamespaces   []string          `json:"globalNamespaces"`
	SystemNamespaces   []string          `json:"systemNamespaces"`
	Builtins           string            `json:"builtins"`
	Timeout            string            `json:"timeout"`
	StatusPublish      string            `json:"statusPublish"`
	PathsAllow         []string          `json:"pathsAllow"`
	PluginsAllow       []string          `json:"pluginsAllow"`
	TenantsAllow       netattach.Allowed `json:"tenantsAllow"`
	BinDir             string            `json:"binDir"`
}

// render writes the configuration list for a cluster network, the same bytes for the same input, and refuses what the agent
// would refuse at the first pod.
func render(c agentconfig.Config, clusterNetwork json.RawMessage) ([]byte, error) {
	conf := metaConf{
		Type: netattach.TypeBraid,
		// What a runtime hands over for the default network, such as host ports; libcni passes each on to the plugins that
		// declare it.
		Capabilities:       map[string]bool{"aliases": true, "bandwidth": true, "dns": true, "ips": true, "mac": true, "portMappings": true},
		ClusterNetwork:     clusterNetwork,
		DefaultNetworks:    []json.RawMessage{},
		NamespaceIsolation: c.NamespaceIsolation,
		GlobalNamespaces:   append([]string{}, c.GlobalNamespaces...),
		SystemNamespaces:   append([]string{}, c.SystemNamespaces...),
		Builtins:           c.Builtins,
		Timeout:            c.Timeout.String(),
		StatusPublish:      c.StatusPublish,
		PathsAllow:         append([]string{}, c.PathsAllow...),
		PluginsAllow:       append([]string{}, c.PluginsAllow...),
		TenantsAllow:       netattach.Allowed(c.TenantsAllow),
		BinDir:             c.BinDir,
	}
	for _, network := range c.DefaultNetworks {
		conf.DefaultNetworks = append(conf.DefaultNetworks, network.Raw)
	}
	if err := checkConf(conf); err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(confList{CNIVersion: "1.1.0", Name: "braid", Plugins: []metaConf{conf}}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the CNI configuration: %w", err)
	}
	return append(text, '\n'), nil
}

// checkConf reads the plugin's configuration as the agent does when the runtime sends it.
func checkConf(conf metaConf) error {
	text, err := json.Marshal(struct {
		CNIVersion string `json:"cniVersion"`
		Name       string `json:"name"`
		metaConf
	}{"1.1.0", "braid", conf})
	if err != nil {
		return fmt.Errorf("write the CNI configuration: %w", err)
	}
	_, _, err = netattach.ParseConfig(text)
	return err
}

// bridgeOn is the cluster network of a node that has no other CNI: one bridge with addresses of the node's own ranges, the
// host as gateway, and masquerade for what leaves the ranges.
func bridgeOn(ranges []netip.Prefix) (json.RawMessage, error) {
	var sets [][]map[string]netip.Prefix
	var routes []map[string]netip.Prefix
	for _, prefix := range ranges {
		everything := netip.PrefixFrom(netip.IPv4Unspecified(), 0)
		if prefix.Addr().Is6() {
			everything = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
		}
		sets = append(sets, []map[string]netip.Prefix{{"subnet": prefix}})
		routes = append(routes, map[string]netip.Prefix{"dst": everything})
	}
	text, err := json.Marshal(map[string]any{
		"cniVersion": "1.1.0", "name": "braid-pods", "type": "bridge", "bridge": clusterBridge,
		// A pod may reach itself by a Service's address.
		"isGateway": true, "ipMasq": true, "hairpinMode": true,
		"ipam": map[string]any{"type": "host-local", "ranges": sets, "routes": routes},
	})
	if err != nil {
		return nil, fmt.Errorf("write the configuration of bridge %s: %w", clusterBridge, err)
	}
	return text, nil
}
