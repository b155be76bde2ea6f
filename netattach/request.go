package netattach

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	netv1 "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
)

// request puts what a pod's element asks for into its attachment (clauses 16 to 37). What needs a capability fails
// without a plugin that declares it, unless Config.LenientCapabilities.
func (in *Input) request(w *want, a *Attachment, l *confList, warnings *[]string) {
	asked := capabilityArgs(w.pick)
	for _, name := range selectable {
		arg, found := asked[name]
		switch {
		case !found:
		case slices.Contains(a.Capabilities, name):
			if a.CapabilityArgs == nil {
				a.CapabilityArgs = map[string]json.RawMessage{}
			}
			a.CapabilityArgs[name] = arg
		case in.Config.LenientCapabilities:
			in.passAsArgs(w.pick, a, name, warnings)
		default:
			w.pick.at.add("%s: no plugin of network %s declares the capability %q: add \"capabilities\": {%q: true} to the plugin that can do it, or leave it out",
				name, a.Network, name, name)
		}
	}
	a.IPAMClaim = w.pick.IPAMClaimReference
	if w.pick.CNIArgs != nil {
		in.checkArgs(w.pick, a)
		l.mergeArgs(w.pick.at, *w.pick.CNIArgs)
	}
}

// passAsArgs does as Multus does with ips and mac: CNI_ARGS, where host-local takes one address and no list.
func (in *Input) passAsArgs(s *Selection, a *Attachment, name string, warnings *[]string) {
	switch {
	case name == CapabilityMAC:
		a.Args = withArg(a.Args, "MAC", s.MacRequest)
	case name == CapabilityIPs && len(s.IPRequest) == 1:
		a.Args = withArg(a.Args, "IP", s.IPRequest[0])
	default:
		*warnings = append(*warnings, fmt.Sprintf("%s is dropped: no plugin of network %s declares the capability", name, a.Network))
	}
}

// checkArgs holds cni-args to the rules of what they could stand in for: plugins read ips and mac from args.cni too,
// and a path in them is a path.
func (in *Input) checkArgs(s *Selection, a *Attachment) {
	r := s.at.in("cni-args")
	r.paths(*s.CNIArgs, in.pathsAllow(a.NAD), 0)
	for _, key := range slices.Sorted(maps.Keys(*s.CNIArgs)) {
		name := folded(key, slices.Values(selectable[:]))
		if name != "" && !slices.Contains(a.Capabilities, name) && !in.Config.LenientCapabilities {
			r.add("%s: no plugin of network %s declares the capability %q, which this stands for", quote(key), a.Network, name)
		}
	}
}

// capabilityArgs are an element's arguments by capability, in the forms of CNI CONVENTIONS.md.
func capabilityArgs(s *Selection) map[string]json.RawMessage {
	args := map[string]json.RawMessage{}
	set := func(name string, wanted bool, v any) {
		if wanted {
			args[name], _ = json.Marshal(v)
		}
	}
	set(CapabilityIPs, len(s.IPRequest) > 0, s.IPRequest)
	set(CapabilityMAC, s.MacRequest != "", s.MacRequest)
	set(CapabilityPortMappings, len(s.PortMappingsRequest) > 0, s.PortMappingsRequest)
	set(CapabilityInfinibandGUID, s.InfinibandGUIDRequest != "", s.InfinibandGUIDRequest)
	set(CapabilityDeviceID, s.DeviceID != "", s.DeviceID)
	if s.BandwidthRequest != nil {
		set(CapabilityBandwidth, true, rates(s.BandwidthRequest))
	}
	return args
}

// rates leaves out the directions that are not limited, which plugins would have to take for zero.
func rates(b *netv1.BandwidthEntry) map[string]int {
	all := map[string]int{
		"ingressRate": b.IngressRate, "ingressBurst": b.IngressBurst,
		"egressRate": b.EgressRate, "egressBurst": b.EgressBurst,
	}
	maps.DeleteFunc(all, func(_ string, v int) bool { return v == 0 })
	return all
}
