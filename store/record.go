package store

import (
	"encoding/json"
	"net/netip"
	"time"
)

// A Container is all that is known of one ADD of one pod sandbox: what was planned for it before anything was done, and
// the results afterwards. DEL, CHECK, GC and the status publication need nothing else.
type Container struct {
	// ID is the runtime's container ID, IfName its CNI_IFNAME: together the key of the record. A runtime may attach a
	// container to several networks of its own, each under another name.
	ID     string `json:"id"`
	IfName string `json:"ifName"`
	// Network is the name of the runtime's network that the ADD was for, which is what its GC is about; empty in records of
	// before that was written.
	Network string `json:"network,omitempty"`
	// Netns is the path of the network namespace as the runtime wrote it at ADD.
	Netns string `json:"netns"`
	Pod   Pod    `json:"pod"`
	// Intended is when the plan was written, in UTC.
	Intended time.Time `json:"intended"`
	// Attached is false from Intend to Commit: some of the attachments may exist, none is promised.
	Attached bool `json:"attached"`
	// Removing says that a DEL was asked for and has failed so far.
	Removing bool `json:"removing,omitempty"`
	// Chained is the default network where the plugins before Braid in a chain made it; Braid made no part of it.
	Chained *Attachment `json:"chained,omitempty"`
	// Attachments are in the order of the plan, the default network first.
	Attachments []Attachment `json:"attachments"`
	// Status is the value of the network-status annotation; Published says that it landed.
	Status    string `json:"status,omitempty"`
	Published bool   `json:"published,omitempty"`
}

// Key is the key of the record.
func (c *Container) Key() string { return Key(c.ID, c.IfName) }

// Key is the key of the record of a container's interface.
func Key(id, ifname string) string { return id + "/" + ifname }

// A Pod names the pod of a container; all empty where the runtime named none.
type Pod struct {
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name,omitempty"`
	UID       string `json:"uid,omitempty"`
}

// String returns "namespace/name", or "" where there is no pod.
func (p Pod) String() string {
	if p.Name == "" {
		return ""
	}
	return p.Namespace + "/" + p.Name
}

// An Attachment is one interface of a container and everything its DEL needs.
type Attachment struct {
	// Network is "namespace/name" of a NetworkAttachmentDefinition, else the name in the CNI configuration.
	Network string `json:"network"`
	IfName  string `json:"ifName"`
	// Default marks the cluster-wide default network.
	Default bool `json:"default,omitempty"`
	// Config is the complete CNI configuration list.
	Config json.RawMessage `json:"config"`
	// Capabilities are the capability arguments that plugins may get as runtimeConfig.
	Capabilities map[string]json.RawMessage `json:"capabilities,omitempty"`
	// Args are the CNI_ARGS in order, Path the folders of CNI_PATH.
	Args [][2]string `json:"args,omitempty"`
	Path []string    `json:"path"`
	// Builtins is the policy that chose between built-in plugins and binaries at ADD.
	Builtins string `json:"builtins"`
	// DefaultRoutes is what the default-route selection asks of this attachment.
	DefaultRoutes DefaultRoutes `json:"defaultRoutes,omitzero"`
	// DeviceInfo is the path of the attachment's device information file on the host; empty for none.
	DeviceInfo string `json:"deviceInfo,omitempty"`
	// Result is the final CNI result of ADD, in the version of Config; nil before Commit.
	Result json.RawMessage `json:"result,omitempty"`
}

// DefaultRoutes says what becomes of an attachment's default routes. The zero value leaves them as the plugins made them.
type DefaultRoutes struct {
	// Drop4 and Drop6 remove the attachment's own default routes of that family.
	Drop4 bool `json:"drop4,omitempty"`
	Drop6 bool `json:"drop6,omitempty"`
	// Gateways become the pod's default routes through this attachment.
	Gateways []netip.Addr `json:"gateways,omitempty"`
	// Own makes the gateways in the attachment's own result the pod's default routes.
	Own bool `json:"own,omitempty"`
	// YieldToOwn removes the attachment's default routes of those families for which the attachment with Own has a
	// gateway.
	YieldToOwn bool `json:"yieldToOwn,omitempty"`
}
