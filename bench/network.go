package bench

import (
	"encoding/json"
	"fmt"
	"maps"
)

// The IPAM of networks. Ranges are /16, so that no subject runs out of addresses.
const (
	hostLocal = "host-local"
	static    = "static"
)

// A Kind is what the configurations of a pod's networks have in common.
type Kind struct {
	// Name is the case in the report.
	Name string
	// IPAM is host-local if empty, or static.
	IPAM string
	// Keys are those of the bridge plugin beside bridge and ipam.
	Keys map[string]any
}

// Plain is a bridge without gateway, masquerade or checks, with addresses by host-local.
func Plain() Kind { return Kind{} }

// Kinds are configurations of the bridge plugin that take other ways through it.
func Kinds() []Kind {
	return []Kind{
		{Name: "bridge, static", IPAM: static},
		{Name: "bridge, gateway and masquerade", Keys: map[string]any{
			"isGateway": true, "isDefaultGateway": true, "ipMasq": true, "ipMasqBackend": "nftables"}},
		{Name: "bridge, macspoofchk", Keys: map[string]any{"macspoofchk": true}},
	}
}

// A network is one of a subject's.
type network struct {
	kind Kind
	// name is also the bridge's.
	name string
	// leases is the folder of host-local's.
	leases string
	// octet is the second of the network's addresses: 10.octet.0.0/16.
	octet int
}

// networks are those of a subject's pods. Subjects that are there at the same time differ in prefix and in the octet of
// their first network.
func networks(kind Kind, prefix, leases string, octet, n int) []network {
	all := make([]network, n)
	for i := range all {
		all[i] = network{kind: kind, name: fmt.Sprintf("%s%d", prefix, i), leases: leases, octet: octet + i}
	}
	return all
}

// ipam is the IPAM part of the configuration.
func (n network) ipam(typ string) map[string]any {
	if n.kind.IPAM == static {
		return map[string]any{"type": typ, "addresses": []any{map[string]any{
			"address": fmt.Sprintf("10.%d.0.9/16", n.octet), "gateway": fmt.Sprintf("10.%d.0.1", n.octet)}}}
	}
	return map[string]any{"type": typ, "dataDir": n.leases,
		"ranges": []any{[]any{map[string]any{"subnet": fmt.Sprintf("10.%d.0.0/16", n.octet)}}}}
}

// plugin is the configuration of the bridge plugin, with the network's name and version as Braid takes it.
func (n network) plugin() map[string]any {
	typ := n.kind.IPAM
	if typ == "" {
		typ = hostLocal
	}
	config := map[string]any{"cniVersion": "1.1.0", "name": n.name, "type": "bridge", "bridge": n.name, "ipam": n.ipam(typ)}
	maps.Copy(config, n.kind.Keys)
	return config
}

// list is a network list with that one plugin.
func list(name string, plugin map[string]any) string {
	// Maps of strings, numbers and booleans can always be written.
	data, _ := json.Marshal(map[string]any{"cniVersion": "1.1.0", "name": name, "plugins": []any{plugin}})
	return string(data)
}
