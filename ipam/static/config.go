package static

import (
	"encoding/json"
	"fmt"
	"net/netip"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/braid-cni/braid/ipam"
)

// rawIPAM is the "ipam" object.
type rawIPAM struct {
	Type string `json:"type"`
	// Name is taken and not used, as by the reference.
	Name      *string           `json:"name"`
	Addresses []json.RawMessage `json:"addresses"`
	Routes    []json.RawMessage `json:"routes"`
	DNS       json.RawMessage   `json:"dns"`
}

// rawAddress is one entry of "addresses". An empty gateway counts as absent.
type rawAddress struct {
	Address string `json:"address"`
	Gateway string `json:"gateway"`
}

// config is a configuration that ADD can carry out.
type config struct {
	cniVersion string
	addresses  []address
	routes     []*types.Route
	dns        types.DNS
	prevResult json.RawMessage
}

// address is one address with the length of its subnet. The gateway may be the zero Addr.
type address struct {
	prefix  netip.Prefix
	gateway netip.Addr
}

// parse reads a whole configuration and the CNI_ARGS of the call. Its error names every mistake at once.
func parse(data []byte, args string) (*config, error) {
	var m ipam.Mistakes
	var i rawIPAM
	n, err := m.Net(data, &i)
	if err != nil {
		return nil, err
	}
	c := &config{cniVersion: n.CNIVersion, prevResult: n.PrevResult, routes: m.Routes("ipam.routes", i.Routes)}
	if len(i.DNS) > 0 {
		m.Decode("ipam.dns", i.DNS, &c.dns)
	}
	c.addresses = parseAddresses(&m, n, &i, ipam.ParseArgs(args))
	var addrs []netip.Addr
	for _, a := range c.addresses {
		addrs = append(addrs, a.prefix.Addr())
	}
	m.Families(c.cniVersion, addrs)
	if err := m.Err(fmt.Sprintf("read the static configuration of network %q", n.Name)); err != nil {
		return nil, err
	}
	return c, nil
}

// parseAddresses reads every source of addresses. CNI_ARGS IP adds to the configuration's; args.cni.ips replaces
// both; runtimeConfig.ips replaces all. What is replaced must be right nevertheless.
func parseAddresses(m *ipam.Mistakes, n *ipam.RawNet, i *rawIPAM, args ipam.Args) []address {
	configured := append(parseConfigured(m, i.Addresses), parsePrefixes(m, "CNI_ARGS IP", args.List("IP"))...)
	asked := parsePrefixes(m, "args.cni.ips", n.Args.CNI.IPs)
	runtime := parsePrefixes(m, "runtimeConfig.ips", n.RuntimeConfig.IPs)
	gateways := parseGateways(m, args.List("GATEWAY"))
	addresses := configured
	for _, replacing := range [][]address{asked, runtime} {
		if len(replacing) > 0 {
			addresses = replacing
		}
	}
	for _, gateway := range gateways {
		if !setGateway(addresses, gateway) && !setGateway(configured, gateway) {
			m.Add("CNI_ARGS GATEWAY", gateway, "lies in the subnet of no address: take one that does")
		}
	}
	return addresses
}

// parseConfigured reads ipam.addresses.
func parseConfigured(m *ipam.Mistakes, raw []json.RawMessage) []address {
	var addresses []address
	for i, data := range raw {
		at := fmt.Sprintf("ipam.addresses[%d]", i)
		var r rawAddress
		m.Decode(at, data, &r)
		for _, a := range parsePrefixes(m, at+".address", []string{r.Address}) {
			if r.Gateway != "" {
				a.gateway = parseGateway(m, at+".gateway", r.Gateway)
			}
			addresses = append(addresses, a)
		}
	}
	return addresses
}

// parsePrefixes reads addresses with prefix lengths that stand at field.
func parsePrefixes(m *ipam.Mistakes, field string, values []string) []address {
	var addresses []address
	for _, value := range values {
		p, err := netip.ParsePrefix(value)
		if err != nil || p.Addr().Is4In6() {
			m.Add(field, value, "is no address in CIDR notation: write one such as 10.1.2.3/24 or fd00::3/64")
			continue
		}
		addresses = append(addresses, address{prefix: p})
	}
	return addresses
}

// parseGateways reads CNI_ARGS GATEWAY.
func parseGateways(m *ipam.Mistakes, values []string) []netip.Addr {
	var gateways []netip.Addr
	for _, value := range values {
		if gateway := parseGateway(m, "CNI_ARGS GATEWAY", value); gateway.IsValid() {
			gateways = append(gateways, gateway)
		}
	}
	return gateways
}

// parseGateway reads one gateway; it returns the zero Addr for a wrong one.
func parseGateway(m *ipam.Mistakes, field, value string) netip.Addr {
	gateway, err := netip.ParseAddr(value)
	if err != nil || gateway.Zone() != "" {
		m.Add(field, value, "is no IP address: write one such as 10.1.2.1 or fd00::1")
		return netip.Addr{}
	}
	return gateway.Unmap()
}

// setGateway gives the gateway to every address whose subnet it lies in, and says whether there was one.
func setGateway(addresses []address, gateway netip.Addr) bool {
	found := false
	for i, a := range addresses {
		if a.prefix.Masked().Contains(gateway) {
			addresses[i].gateway, found = gateway, true
		}
	}
	return found
}
