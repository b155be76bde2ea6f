package main

import "strings"

// A feature is something that not every kernel has, as tests name it in the
// reason for a skip: t.Skip("kernel lacks ipvlan").
type feature struct {
	name string
	// nowhere says that no rung's kernel has it.
	nowhere bool
}

// features is the whole list of reasons for which a test may be skipped. A
// longer name stands before one that it contains.
func features() []feature {
	return []feature{
		{name: "VLAN filtering"},
		{name: "802.1Q"},
		{name: "ipvlan"},
		{name: "VRF"},
		{name: "IPIP"},
		{name: "GRE"},
		{name: "geneve"},
		{name: "dummy"},
		{name: "bond"},
		{name: "netem"},
		{name: "bridge conntrack"},
		{name: "WireGuard", nowhere: true},
		{name: "netkit", nowhere: true},
	}
}

// featureIn returns the feature that a skip's reason names, "" for none.
func featureIn(reason string) string {
	for _, f := range features() {
		if strings.Contains(strings.ToLower(reason), strings.ToLower(f.name)) {
			return f.name
		}
	}
	return ""
}

func nowhere(name string) bool {
	for _, f := range features() {
		if f.name == name {
			return f.nowhere
		}
	}
	return false
}
