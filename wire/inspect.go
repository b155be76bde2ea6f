package wire

import "time"

// Inspect is the command that asks what the agent attached. It changes nothing; Request.Args may name one pod by
// K8S_POD_NAMESPACE and K8S_POD_NAME, and either alone. The answer's Output is an Inspection.
const Inspect = "INSPECT"

// The states of an interface, read from the kernel when the question is asked.
const (
	// StateUp: packets can pass.
	StateUp = "up"
	// StateDown: the interface is there, but it or its host side is down.
	StateDown = "down"
	// StateMissing: the interface or its network namespace is gone.
	StateMissing = "missing"
)

// The states of a network-status annotation.
const (
	StatusPublished = "published"
	StatusPending   = "pending"
)

// An Inspection is what an agent knows about its node.
type Inspection struct {
	Node       string      `json:"node,omitempty"`
	Containers []Container `json:"containers"`
	// Links are the node's own links that its pods' networks go over, sorted by name. They are left out of what is said
	// of one pod.
	Links []Link `json:"links,omitempty"`
}

// A Link is one link in the node's network namespace: the host's end of a pod's interface, a bridge, another port of
// one, or a link to other nodes.
type Link struct {
	Name string `json:"name"`
	// Kind is the kernel's name of the link's type, such as "veth", "bridge" or "vxlan"; empty for hardware.
	Kind  string `json:"kind,omitempty"`
	MAC   string `json:"mac,omitempty"`
	MTU   int    `json:"mtu,omitempty"`
	Alias string `json:"alias,omitempty"`
	// Bridge is what the link is a port of.
	Bridge string `json:"bridge,omitempty"`
	// Addresses are the node's own on this link, but for those that the kernel makes for every link.
	Addresses []string `json:"addresses,omitempty"`
	State     string   `json:"state"`
}

// A Container is one pod sandbox with the interfaces that Braid gave it.
type Container struct {
	ID        string `json:"id"`
	Namespace string `json:"namespace,omitempty"`
	Pod       string `json:"pod,omitempty"`
	UID       string `json:"uid,omitempty"`
	// Netns is the path of the network namespace as the runtime wrote it.
	Netns string `json:"netns"`
	// Attached is false while an ADD is under way, and after one that was broken off.
	Attached bool      `json:"attached"`
	Intended time.Time `json:"intended"`
	// Status says whether the network-status annotation has landed; empty without a pod.
	Status     string      `json:"status,omitempty"`
	Interfaces []Interface `json:"interfaces"`
}

// An Interface is one interface of a pod as the kernel has it now. Of a missing one Addresses, MAC and MTU are those
// of the result that ADD gave.
type Interface struct {
	Network   string   `json:"network"`
	Name      string   `json:"name"`
	Default   bool     `json:"default,omitempty"`
	Addresses []string `json:"addresses,omitempty"`
	MAC       string   `json:"mac,omitempty"`
	MTU       int      `json:"mtu,omitempty"`
	// HostLink is the host's end of the interface, Bridge what that end is a port of.
	HostLink string `json:"hostLink,omitempty"`
	Bridge   string `json:"bridge,omitempty"`
	State    string `json:"state"`
}
