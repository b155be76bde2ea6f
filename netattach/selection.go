package netattach

import (
	"encoding/json"
	"fmt"
	"strings"

	netv1 "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
)

// A Selection is one element of a networks annotation (NPWG 4.1.2), validated: Namespace is always set, MacRequest
// and InfinibandGUIDRequest have the form 02:00:00:00:00:01, protocols of port mappings are lower case and never
// empty, numbers in CNIArgs are json.Number. GatewayRequest is empty but not nil for `"default-route": []`.
//
// It comes from ParseNetworks or ParseDefaultNetwork only: the UnmarshalJSON that it gets from the embedded type
// knows neither the other keys nor the rules.
type Selection struct {
	netv1.NetworkSelectionElement
	// DeviceID names a device; a key of Multus that the standard lacks.
	DeviceID string

	at report
}

// Key names the NAD.
func (s *Selection) Key() Key { return Key{s.Namespace, s.Name} }

// ParseNetworks reads the value of NetworksAnnotation for a pod in namespace (clauses 9 to 37). It takes both
// forms: a comma-separated list of [namespace/]name[@interface], and a JSON list, which is recognised by one of
// [ { " anywhere. A blank value selects nothing.
//
// The error is Mistakes. The elements that could be named are returned even then, without what was wrong in them.
func ParseNetworks(annotation, namespace string) ([]Selection, error) {
	r := newReport()
	list := parseSelections(r.in("annotation %s", NetworksAnnotation), annotation, namespace)
	checkSecondaries(list)
	checkTogether(list)
	return list, r.err()
}

// ParseDefaultNetwork reads the value of DefaultNetworkAnnotation: one element of the same form, or nothing, which
// gives nil. A name without a namespace is looked for in namespace. The error is Mistakes.
func ParseDefaultNetwork(annotation, namespace string) (*Selection, error) {
	r := newReport()
	one := parseDefaultSelection(r, annotation, namespace)
	return one, r.err()
}

func parseDefaultSelection(r report, annotation, namespace string) *Selection {
	r = r.in("annotation %s", DefaultNetworkAnnotation)
	if strings.TrimSpace(annotation) == "" {
		return nil
	}
	before := r.count()
	list := parseSelections(r, annotation, namespace)
	switch {
	case len(list) == 1:
		return &list[0]
	case r.count() == before:
		r.add("has %d elements: name exactly one network", len(list))
	}
	return nil
}

func parseSelections(r report, text, namespace string) []Selection {
	switch {
	case len(text) > maxAnnotation:
		r.add("has %d bytes: at most %d are read", len(text), maxAnnotation)
		return nil
	case strings.TrimSpace(text) == "":
		return nil
	case strings.ContainsAny(text, `[{"`):
		return parseJSONForm(r, text, namespace)
	}
	return parseCommaForm(r, text, namespace)
}

// tooMany refuses a list before its elements are looked at, so that a mistake in each cannot flood the report.
func tooMany(r report, n int) bool {
	if n > maxNetworks {
		r.add("selects %d networks: a pod can have at most %d", n, maxNetworks)
	}
	return n > maxNetworks
}

func parseCommaForm(r report, text, namespace string) []Selection {
	items := strings.Split(text, ",")
	if tooMany(r, len(items)) {
		return nil
	}
	var list []Selection
	for i, item := range items {
		item = strings.TrimSpace(item)
		if s := parseItem(r.in("element %d (%s)", i+1, quote(item)), item, namespace); s != nil {
			list = append(list, *s)
		}
	}
	return list
}

// parseItem reads [namespace/]name[@interface]; the @ is Multus's extension of clause 10.
func parseItem(r report, item, namespace string) *Selection {
	network, iface, named := strings.Cut(item, "@")
	s := &Selection{at: r}
	s.Namespace, s.Name = namespace, network
	if ns, name, found := strings.Cut(network, "/"); found {
		s.Namespace, s.Name = ns, name
	}
	if !r.checkKey(s.Key()) {
		return nil
	}
	if named {
		s.InterfaceRequest = iface
		r.checkInterface(s)
	}
	return s
}

func parseJSONForm(r report, text, namespace string) []Selection {
	var raws []json.RawMessage
	if err := decode([]byte(text), &raws); err != nil {
		r.add("%w: write a JSON list of elements, such as [{\"name\": \"net-a\"}]", err)
		return nil
	}
	if tooMany(r, len(raws)) {
		return nil
	}
	var list []Selection
	for i, raw := range raws {
		if s := parseElement(r.in("element %d", i+1), raw, namespace); s != nil {
			s.at = r.in("element %d (%s)", i+1, quote(s.Key().String()))
			list = append(list, *s)
		}
	}
	return list
}

// checkKey validates the namespace and name of an element.
func (r report) checkKey(k Key) bool {
	before := r.count()
	if err := checkLabel(k.Name); err != nil {
		r.add("name: %w", err)
	}
	if err := checkLabel(k.Namespace); err != nil {
		r.add("namespace: %w", err)
	}
	return r.count() == before
}

// checkInterface validates the requested interface name, and forgets a bad one (clause 20).
func (r report) checkInterface(s *Selection) {
	if err := checkIfName(s.InterfaceRequest); err != nil {
		r.add("interface: %w", err)
		s.InterfaceRequest = ""
	}
}

// checkSecondaries refuses the interface name that the runtime gives to the default network.
func checkSecondaries(list []Selection) {
	for i := range list {
		if s := &list[i]; s.InterfaceRequest == runtimeName {
			s.at.add("interface: %q is the default network's: choose another name, or leave it out", runtimeName)
			s.InterfaceRequest = ""
		}
	}
}

// checkTogether reports what two elements cannot both have: an interface name (clause 21), the default route
// (clause 31), a host port, and on one network an address or a MAC address.
func checkTogether(list []Selection) {
	taken := map[string]int{}
	claim := func(s *Selection, i int, what string) {
		if first, found := taken[what]; found && first != i {
			s.at.add("%s is asked for by two elements: only one can have it", what)
		}
		taken[what] = i
	}
	for i := range list {
		s := &list[i]
		for _, what := range exclusive(s) {
			claim(s, i, what)
		}
	}
}

// exclusive names what an element wants for itself.
func exclusive(s *Selection) (all []string) {
	if s.InterfaceRequest != "" {
		all = append(all, fmt.Sprintf("interface %q", s.InterfaceRequest))
	}
	if s.GatewayRequest != nil {
		all = append(all, "default-route")
	}
	if s.MacRequest != "" {
		all = append(all, fmt.Sprintf("mac %s on network %s", s.MacRequest, s.Key()))
	}
	for _, ip := range s.IPRequest {
		all = append(all, fmt.Sprintf("ip %s on network %s", bareAddress(ip), s.Key()))
	}
	for _, p := range s.PortMappingsRequest {
		all = append(all, portName(p))
	}
	return all
}
