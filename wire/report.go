package wire

import (
	"encoding/json"
	"time"
)

// The questions about a node and about one of its networks. They change nothing. A network is named by Request.Args,
// "NETWORK=namespace/name" or "NETWORK=name": that of eth0, else a NetworkAttachmentDefinition in namespace default. The
// answer's Output is a NodeReport or a NetworkReport.
const (
	InspectNode    = "INSPECT-NODE"
	InspectNetwork = "INSPECT-NETWORK"
)

// Questions are the commands that ask, and are no calls of CNI.
func Questions() []string { return []string{Inspect, InspectNode, InspectNetwork, InspectTrace} }

// A NodeReport is what the agent of a node is and has.
type NodeReport struct {
	Node    string `json:"node,omitempty"`
	Version string `json:"version"`
	// Kernel is the release, as uname -r prints it.
	Kernel string `json:"kernel"`
	Ready  bool   `json:"ready"`
	// Reason is why pods are not served as configured; empty when Ready.
	Reason string `json:"reason,omitempty"`
	// Synced says whether the caches have seen the cluster.
	Synced bool `json:"synced"`
	// Condition is what the agent wants its Node to say; nil without an AgentConfiguration.
	Condition *Condition `json:"condition,omitempty"`
	// Conflist is the path of the CNI configuration that the agent installs; empty where it installs none.
	Conflist string `json:"conflist,omitempty"`
	// ClusterNetwork is eth0 of pods; nil when it is not known yet, or made by plugins before Braid in a chain.
	ClusterNetwork *ClusterNetwork `json:"clusterNetwork,omitempty"`
	Networks       []NetworkUse    `json:"networks"`
	Ranges         []Range         `json:"ranges"`
	// Pending is how many network-status annotations have not landed yet.
	Pending int `json:"pending"`
	// Collected is when the runtime's last GC came to its end without an error since the agent started; zero for never.
	Collected time.Time `json:"collected,omitzero"`
}

// A Condition is one of a Node's conditions.
type Condition struct {
	Type    string `json:"type"`
	Status  bool   `json:"status"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// A ClusterNetwork is the default network of pods as it is now.
type ClusterNetwork struct {
	// From is the path or the "namespace/name" that the configuration names; empty when it stands there itself.
	From string `json:"from,omitempty"`
	// Network is its name, Plugins are its chain.
	Network string   `json:"network,omitempty"`
	Plugins []string `json:"plugins,omitempty"`
	// Problem is why it cannot be used now.
	Problem string `json:"problem,omitempty"`
}

// A NetworkUse counts attachments that are stored with the same chain of plugins.
type NetworkUse struct {
	Network     string   `json:"network"`
	Plugins     []string `json:"plugins,omitempty"`
	Attachments int      `json:"attachments"`
}

// A Range is addresses that a network gives on this node.
type Range struct {
	Network string `json:"network"`
	// Range is "first-last".
	Range string `json:"range"`
	Used  int    `json:"used"`
	// Total may have more digits than a machine word holds.
	Total json.Number `json:"total"`
}

// A NetworkReport is what a node has of one network.
type NetworkReport struct {
	Node string `json:"node,omitempty"`
	Name string `json:"name"`
	// Default says that it is eth0 of pods.
	Default bool `json:"default,omitempty"`
	// CNIName is the name in its configuration, Plugins are its chain.
	CNIName string   `json:"cniName,omitempty"`
	Plugins []string `json:"plugins,omitempty"`
	// Problem is why a pod could not be attached now. The configuration is then that of an attachment.
	Problem string `json:"problem,omitempty"`
	// Bridges are those that it names or its interfaces are on, as the kernel has them.
	Bridges []Link `json:"bridges,omitempty"`
	// MTU is the configured one, 0 where it is left to the plugin.
	MTU    int     `json:"mtu,omitempty"`
	Ranges []Range `json:"ranges,omitempty"`
	// Containers are those that have an interface on it, with no others of their interfaces.
	Containers []Container `json:"containers"`
}
