// Package agentconfig is AgentConfiguration, the file by which an administrator configures the agents of a cluster:
// its shape, its defaults, and what makes it valid.
package agentconfig

import "encoding/json"

// What a file says that it is.
const (
	APIVersion = "config.braid.dev/v1alpha1"
	Kind       = "AgentConfiguration"
)

// An AgentConfiguration is the file as it is written. Every key but apiVersion and kind may be absent and has a default
// then; a key that is not here is a mistake. Parse makes a Config of it.
type AgentConfiguration struct {
	// APIVersion is "config.braid.dev/v1alpha1".
	APIVersion string `json:"apiVersion"`
	// Kind is "AgentConfiguration".
	Kind string `json:"kind"`
	// ClusterNetwork is eth0 of every pod: "auto", a CNI configuration or list, "namespace/name" of a
	// NetworkAttachmentDefinition, or "/path" of another CNI's file or folder. Default "auto".
	ClusterNetwork json.RawMessage `json:"clusterNetwork,omitempty"`
	// DefaultNetworks are further networks of every pod outside of SystemNamespaces, each in one of the forms of
	// ClusterNetwork but "auto". Default none.
	DefaultNetworks *[]json.RawMessage `json:"defaultNetworks,omitempty"`
	// NamespaceIsolation lets a pod use NetworkAttachmentDefinitions of its own namespace and of GlobalNamespaces only.
	// Default true.
	NamespaceIsolation *bool `json:"namespaceIsolation,omitempty"`
	// GlobalNamespaces are those whose NetworkAttachmentDefinitions every pod may use. Default none.
	GlobalNamespaces *[]string `json:"globalNamespaces,omitempty"`
	// SystemNamespaces are those whose pods get no DefaultNetworks. Default kube-system and braid-system.
	SystemNamespaces *[]string `json:"systemNamespaces,omitempty"`
	// Builtins decides between a built-in plugin and a binary of its name: "prefer" the built-in one, "only" built-in
	// ones, or "never". Default "prefer".
	Builtins *string `json:"builtins,omitempty"`
	// Timeout is how long a CNI call waits for the agent, such as "60s", the default.
	Timeout *string `json:"timeout,omitempty"`
	// StatusPublish says whether a pod waits until its network-status annotation is written: "async", the default, or
	// "sync".
	StatusPublish *string `json:"statusPublish,omitempty"`
	// Paths is about paths in NetworkAttachmentDefinitions.
	Paths *PathsFile `json:"paths,omitempty"`
	// Plugins is about plugins in NetworkAttachmentDefinitions.
	Plugins *PluginsFile `json:"plugins,omitempty"`
	// Tenants is about NetworkAttachmentDefinitions in namespaces with the label braid.dev/tenant.
	Tenants *TenantsFile `json:"tenants,omitempty"`
	// Host is about folders of the node.
	Host *HostFile `json:"host,omitempty"`
	// HealthAddress is where the agent serves /metrics, /healthz and /readyz; empty for nowhere. It is read when the
	// agent starts. Default "127.0.0.1:9808".
	HealthAddress *string `json:"healthAddress,omitempty"`
	// LogLevel is "debug", "info", "warn" or "error". Default "info".
	LogLevel *string `json:"logLevel,omitempty"`
}

// A PathsFile is AgentConfiguration's paths.
type PathsFile struct {
	// Allow are the files and folders that path-valued fields of NetworkAttachmentDefinitions, such as dataDir, may
	// name, themselves or beneath. Default: where the reference plugins keep leases, the resolver's files, and devices.
	Allow *[]string `json:"allow,omitempty"`
}

// A PluginsFile is AgentConfiguration's plugins.
type PluginsFile struct {
	// Allow are the types that NetworkAttachmentDefinitions may name beside the built-in ones: names, or patterns such as
	// "ovs*". Such a plugin runs as the host's root. Default ["*"].
	Allow *[]string `json:"allow,omitempty"`
}

// A TenantsFile is AgentConfiguration's tenants.
type TenantsFile struct {
	// Allow is what tenants' NetworkAttachmentDefinitions may name. Default nothing.
	Allow *TenantsAllow `json:"allow,omitempty"`
}

// A TenantsAllow is AgentConfiguration's tenants.allow. Entries are names, or patterns such as "br-blue-*".
type TenantsAllow struct {
	// Plugins are types of plugins, built in or not, IPAM plugins among them. Default none.
	Plugins *[]string `json:"plugins,omitempty"`
	// Bridges are bridges of the node. Default none.
	Bridges *[]string `json:"bridges,omitempty"`
	// Masters are links of the node that plugins such as macvlan use. Default none.
	Masters *[]string `json:"masters,omitempty"`
	// Devices are links, MACs and bus addresses that plugins such as host-device take. Default none.
	Devices *[]string `json:"devices,omitempty"`
	// Paths are files and folders, themselves or what is beneath, in place of paths.allow. Default none.
	Paths *[]string `json:"paths,omitempty"`
}

// A HostFile is AgentConfiguration's host: paths as the node has them.
type HostFile struct {
	// ConfDir is the folder from which the container runtime reads CNI configurations. Default "/etc/cni/net.d".
	ConfDir *string `json:"confDir,omitempty"`
	// BinDir is the folder in which the container runtime finds CNI plugins. Default "/opt/cni/bin".
	BinDir *string `json:"binDir,omitempty"`
	// Conflist is the name of the agent's file in ConfDir. The runtime uses the first file in lexical order. Empty
	// writes none, for nodes where another CNI's configuration names braid as one of its plugins. Default
	// "00-braid.conflist".
	Conflist *string `json:"conflist,omitempty"`
}
