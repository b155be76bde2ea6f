package netattach

import (
	"encoding/json"
	"maps"

	netv1 "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
)

// An Input is all that a plan depends on.
type Input struct {
	// Pod is nil when the runtime names none.
	Pod *Pod
	// Config is the meta plugin's configuration, with the runtime's runtimeConfig in it.
	Config Config
	// NADs are those that References named and that exist.
	NADs map[Key]*netv1.NetworkAttachmentDefinition
	// ContainerID is the runtime's.
	ContainerID string
	// Devices are those that kubelet allocated to the pod, by resource, in the order in which they are given away; nil
	// where there is no kubelet, and who writes a pod may name any device.
	Devices map[string][]string
	// Tenants are the namespaces whose NADs are tenants'.
	Tenants map[string]bool
	// Builtin are the types of the plugins that are built in.
	Builtin []string
	// Disk is what References' paths hold.
	Disk Disk
	// Known is what earlier plans have found out about configurations; nil where there were none.
	Known *Known
	// IfName is CNI_IFNAME, the interface of the default network ("eth0" for verbs that have none); Args is CNI_ARGS.
	IfName, Args string

	used map[string]int // devices given away, by resource
}

// A Plan is what a pod gets.
type Plan struct {
	// Attachments in the order in which they are made (clauses 38, 59, 64): the default network unless Chained, then
	// the administrator's further networks, then the pod's.
	Attachments []Attachment
	// Chained says that the default network was made by the plugins before this one (Config.PrevResult).
	Chained bool
	// ChainedRoutes is what becomes of the default routes of that network.
	ChainedRoutes Routes
	// Warnings are what a person wrote that has no effect.
	Warnings []string
}

// An Attachment is one network of a pod, complete: with the container's ID and netns added, libcni can carry it out.
type Attachment struct {
	// Default marks the default network.
	Default bool `json:"default,omitempty"`
	// Network is the name in network-status: namespace/name of the NAD, else CNIName (clause 46).
	Network string `json:"network"`
	// NAD is zero for a configuration that comes from no NAD.
	NAD Key `json:"nad,omitzero"`
	// CNIName is the name inside Config.
	CNIName string `json:"cniName"`
	// IfName is CNI_IFNAME of the attachment, unique in the pod (clause 39).
	IfName string `json:"ifName"`
	// Config is a complete CNI network configuration list, cni-args merged in, compact.
	Config json.RawMessage `json:"config"`
	// Capabilities are those that a plugin of the chain declares, sorted.
	Capabilities []string `json:"capabilities,omitempty"`
	// CapabilityArgs are libcni's CapabilityArgs; it filters them by each plugin's capabilities.
	CapabilityArgs map[string]json.RawMessage `json:"capabilityArgs,omitempty"`
	// Args are CNI_ARGS, in order.
	Args [][2]string `json:"args,omitempty"`
	// Routes is what becomes of default routes.
	Routes Routes `json:"routes,omitzero"`
	// IPAMClaim names the IPAMClaim, in the pod's namespace, whose addresses the attachment gets (clause 36).
	IPAMClaim string `json:"ipamClaim,omitempty"`
	// ResourceName is the device plugin resource of the NAD, of which the attachment has a device.
	ResourceName string `json:"resourceName,omitempty"`
	// DeviceInfo names the files that describe the device; nil where nobody asks.
	DeviceInfo *DeviceInfo `json:"deviceInfo,omitempty"`
}

// NewPlan decides what the pod gets, or reports every mistake at once, as Mistakes. A mistake that a NAD would mend
// wraps ErrNADNotFound.
func NewPlan(in Input) (*Plan, error) {
	r := newReport()
	in.used = map[string]int{}
	list, chained := in.wants(r)
	p := &Plan{Chained: chained}
	args := parseArgs(r, in.Args)
	if err := checkIfName(in.IfName); err != nil {
		r.add("CNI_IFNAME: %w", err)
	}
	p.Attachments = make([]Attachment, len(list))
	p.name(in.IfName, list)
	for i := range list {
		ifname := p.Attachments[i].IfName
		list[i].becomes(ifname)
		p.Attachments[i] = in.attach(&list[i], args, &p.Warnings)
		p.Attachments[i].IfName = ifname
		in.describe(&p.Attachments[i])
	}
	p.route(list)
	if err := r.err(); err != nil {
		return nil, err
	}
	return p, nil
}

// attach makes one attachment but for its interface name and routes, which depend on the others.
func (in *Input) attach(w *want, args [][2]string, warnings *[]string) Attachment {
	if w.source.IsZero() {
		return Attachment{} // refused by isolation
	}
	a, l := in.resolve(w, warnings)
	if l == nil {
		return a
	}
	if w.pick != nil && w.pick.CNIArgs != nil || a.ResourceName != "" {
		l = l.clone()
	}
	a.Default, a.CNIName, a.Capabilities = w.first, l.name(), l.capabilities()
	if a.Network == "" {
		a.Network = a.CNIName
	}
	a.Args = args
	if w.first {
		a.CapabilityArgs = maps.Clone(in.Config.RuntimeConfig)
	} else {
		a.Args = secondaryArgs(args)
	}
	if w.pick != nil {
		in.request(w, &a, l, warnings)
	}
	in.device(w, &a, l)
	a.Config = l.encode()
	return a
}
