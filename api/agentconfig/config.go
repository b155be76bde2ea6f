package agentconfig

import (
	"encoding/json"
	"log/slog"
	"time"
)

// A Config is an AgentConfiguration with its defaults. Parse and Default make it.
type Config struct {
	ClusterNetwork     Network
	DefaultNetworks    []Network
	NamespaceIsolation bool
	GlobalNamespaces   []string
	SystemNamespaces   []string
	Builtins           string
	Timeout            time.Duration
	StatusPublish      string
	PathsAllow         []string
	PluginsAllow       []string
	TenantsAllow       Allowed
	ConfDir, BinDir    string
	// Conflist is a file name, or empty for no file.
	Conflist string
	// HealthAddress is empty for no server.
	HealthAddress string
	LogLevel      slog.Level
}

// Allowed is what the NetworkAttachmentDefinitions of tenants may name; see TenantsAllow.
type Allowed struct{ Plugins, Bridges, Masters, Devices, Paths []string }

// A Network is one of the forms in which an administrator's network is written.
type Network struct {
	// Auto leaves the choice to the agent of each node.
	Auto bool
	// Raw is the JSON of any other form, as a CNI configuration of type braid takes it.
	Raw json.RawMessage
}

// Default is the configuration of a file that sets nothing.
func Default() Config {
	c, _ := (&AgentConfiguration{}).config()
	return c
}

// config applies the defaults and says what is wrong.
func (f *AgentConfiguration) config() (Config, Mistakes) {
	r := new(report)
	paths, plugins, host := value(f.Paths, PathsFile{}), value(f.Plugins, PluginsFile{}), value(f.Host, HostFile{})
	c := Config{
		ClusterNetwork:     r.network("clusterNetwork", f.ClusterNetwork, true),
		NamespaceIsolation: value(f.NamespaceIsolation, true),
		GlobalNamespaces:   r.names("globalNamespaces", value(f.GlobalNamespaces, nil)),
		SystemNamespaces:   r.names("systemNamespaces", value(f.SystemNamespaces, []string{"kube-system", "braid-system"})),
		Builtins:           r.oneOf("builtins", f.Builtins, "prefer", "only", "never"),
		Timeout:            r.duration("timeout", value(f.Timeout, "60s")),
		StatusPublish:      r.oneOf("statusPublish", f.StatusPublish, "async", "sync"),
		PathsAllow:         r.paths("paths.allow", value(paths.Allow, defaultPathsAllow())),
		PluginsAllow:       r.patterns("plugins.allow", value(plugins.Allow, []string{"*"})),
		TenantsAllow:       r.tenants(value(f.Tenants, TenantsFile{}).Allow),
		ConfDir:            r.path("host.confDir", value(host.ConfDir, "/etc/cni/net.d")),
		BinDir:             r.path("host.binDir", value(host.BinDir, "/opt/cni/bin")),
		Conflist:           r.conflist("host.conflist", value(host.Conflist, "00-braid.conflist")),
		HealthAddress:      r.address("healthAddress", value(f.HealthAddress, "127.0.0.1:9808")),
		LogLevel:           r.level("logLevel", f.LogLevel),
	}
	for i, raw := range value(f.DefaultNetworks, nil) {
		c.DefaultNetworks = append(c.DefaultNetworks, r.network(numbered("defaultNetworks", i), raw, false))
	}
	return c, r.found
}

// defaultPathsAllow is the state of the reference plugins, the files a resolver is configured by, and devices.
func defaultPathsAllow() []string {
	return []string{
		"/var/lib/cni", "/run/cni", "/var/run/cni",
		"/etc/resolv.conf", "/run/systemd/resolve/resolv.conf",
		"/sys/devices",
	}
}

func value[T any](p *T, unset T) T {
	if p == nil {
		return unset
	}
	return *p
}
