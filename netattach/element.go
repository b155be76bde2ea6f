package netattach

import (
	"encoding/json"
)

// A rawElement is an element of the JSON form as it is written; nil is an absent key.
type rawElement struct {
	name, namespace, iface, legacyIface, mac, guid, claim, deviceID *string

	ips, gateways, ports []json.RawMessage
	bandwidth, cniArgs   object
}

func (e *rawElement) targets() map[string]any {
	return map[string]any{
		"name":                 &e.name,
		"namespace":            &e.namespace,
		"ips":                  &e.ips,
		"mac":                  &e.mac,
		"interface":            &e.iface,
		"interfaceRequest":     &e.legacyIface,
		"cni-args":             &e.cniArgs,
		"portMappings":         &e.ports,
		"bandwidth":            &e.bandwidth,
		"default-route":        &e.gateways,
		"infiniband-guid":      &e.guid,
		"ipam-claim-reference": &e.claim,
		"deviceID":             &e.deviceID,
	}
}

// parseElement reads one element (clauses 11 to 37). It returns nil when the element names no network.
func parseElement(r report, data []byte, namespace string) *Selection {
	o, err := parseObject(data)
	if err != nil {
		r.add("%w", err)
		return nil
	}
	var raw rawElement
	r.readStrict(o, raw.targets())
	for _, key := range repeatedKeys(data) {
		r.add("key %s is written twice: keep one", quote(key))
	}
	s := &Selection{}
	named := raw.key(r, o, s, namespace)
	raw.link(r, s)
	raw.addresses(r, s)
	raw.traffic(r, s)
	if !named {
		return nil
	}
	return s
}

// key reads name and namespace (clauses 12 and 13).
func (e *rawElement) key(r report, o object, s *Selection, namespace string) bool {
	s.Namespace = namespace
	if e.namespace != nil && *e.namespace != "" {
		s.Namespace = *e.namespace
	}
	if e.name == nil && !o.has("name") {
		r.add("has no name: name a NetworkAttachmentDefinition")
	}
	if e.name == nil {
		return false
	}
	s.Name = *e.name
	return r.checkKey(s.Key())
}

// link reads what concerns the interface itself: interface, mac, infiniband-guid, deviceID (clauses 18, 20, 34).
func (e *rawElement) link(r report, s *Selection) {
	if e.iface == nil {
		e.iface = e.legacyIface
	} else if e.legacyIface != nil && *e.legacyIface != *e.iface {
		r.add("interface %s and interfaceRequest %s differ: keep interface", quote(*e.iface), quote(*e.legacyIface))
	}
	if e.iface != nil {
		s.InterfaceRequest = *e.iface
		r.checkInterface(s)
	}
	if e.mac != nil {
		s.MacRequest = r.in("mac").mac(*e.mac)
	}
	if e.guid != nil {
		s.InfinibandGUIDRequest = r.in("infiniband-guid").guid(*e.guid)
	}
	if e.deviceID != nil {
		s.DeviceID = r.in("deviceID").device(*e.deviceID)
	}
}

// addresses reads ips, ipam-claim-reference and default-route (clauses 14, 31, 36, 37).
func (e *rawElement) addresses(r report, s *Selection) {
	if e.ips != nil {
		s.IPRequest = r.in("ips").ips(e.ips)
	}
	if e.claim != nil && !isSubdomain(*e.claim) {
		r.add("ipam-claim-reference: %s is not the name of an IPAMClaim: use a DNS-1123 subdomain", quote(*e.claim))
	} else if e.claim != nil {
		s.IPAMClaimReference = *e.claim
	}
	if e.claim != nil && e.ips != nil {
		r.add("ips and ipam-claim-reference cannot be in one element: keep one of them")
	}
	if e.gateways != nil {
		s.GatewayRequest = r.in("default-route").gateways(e.gateways)
	}
}

// traffic reads portMappings, bandwidth and cni-args (clauses 23, 25, 28).
func (e *rawElement) traffic(r report, s *Selection) {
	if e.ports != nil {
		s.PortMappingsRequest = r.in("portMappings").ports(e.ports)
	}
	if e.bandwidth != nil {
		s.BandwidthRequest = r.in("bandwidth").bandwidth(e.bandwidth)
	}
	if e.cniArgs != nil {
		s.CNIArgs = e.cniArgs.values()
	}
}

// values decodes an object that is known to be valid JSON, numbers as json.Number.
func (o object) values() *map[string]any {
	values := make(map[string]any, len(o))
	for key, raw := range o {
		var v any
		_ = decode(raw, &v) // null is an error of decode and stays nil here
		values[key] = v
	}
	return &values
}

// readEach reads the entries of a list, each under its number, and returns those that could be read. It is never nil.
func readEach[T any](r report, raws []json.RawMessage, read func(report, json.RawMessage) (T, bool)) []T {
	list := make([]T, 0, len(raws))
	if len(raws) > maxEntries {
		r.add("has %d entries: at most %d are read", len(raws), maxEntries)
		return list
	}
	for i, raw := range raws {
		if v, ok := read(r.in("%d", i+1), raw); ok {
			list = append(list, v)
		}
	}
	return list
}
