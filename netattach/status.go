package netattach

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
	netv1 "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
)

// An Attached is an attachment that was made. Result is nil when the plugins returned none; DeviceInfo is what
// follows the Device Information Specification (clause 53), nil for no device.
type Attached struct {
	Attachment Attachment
	Result     *current.Result
	DeviceInfo *netv1.DeviceInfo
}

// A NetworkStatus is one map of the network-status annotation (NPWG 5.3): the client's type, with `default` always
// there (clause 50) and the key `default-route` (clause 52). `gateway` and `mtu` are Multus's, which its readers
// expect; `ips` are without prefix length for the same reason.
type NetworkStatus struct {
	netv1.NetworkStatus
	Default      bool     `json:"default"`
	DefaultRoute []string `json:"default-route,omitempty"`
}

// Status returns the value of StatusAnnotation (clauses 40 to 53): a compact JSON list with one map an attachment, in
// their order, the same for the same input. It fails only when an attachment cannot be written as JSON.
func Status(list []Attached) ([]byte, error) {
	all := make([]NetworkStatus, 0, len(list))
	for _, a := range list {
		all = append(all, StatusOf(a))
	}
	data, err := json.Marshal(all)
	if err != nil {
		return nil, fmt.Errorf("write network status: %w", err)
	}
	return data, nil
}

// StatusOf describes one attachment by the first interface of its result that is in a sandbox (clauses 42, 47).
// Without a result the map is minimal: name, default and dns. Without such an interface there are also the addresses that
// belong to no interface, which are all of a result that lists none (CNI before 0.3).
func StatusOf(a Attached) NetworkStatus {
	s := NetworkStatus{Default: a.Attachment.Default}
	s.Name, s.DeviceInfo = a.Attachment.Network, a.DeviceInfo
	gateways := a.Attachment.Routes.Gateways
	if a.Result != nil && a.Attachment.Routes.OwnGateways {
		gateways = OwnGateways(a.Result)
	}
	for _, gateway := range gateways {
		s.DefaultRoute = append(s.DefaultRoute, gateway.String())
	}
	if a.Result == nil {
		return s
	}
	s.DNS = dns(a.Result.DNS)
	at := firstSandbox(a.Result)
	if at >= 0 {
		link := a.Result.Interfaces[at]
		s.Interface, s.Mac, s.Mtu = link.Name, link.Mac, link.Mtu
	}
	for _, ip := range sandboxIPs(a.Result) {
		s.IPs = append(s.IPs, ip.Address.IP.String())
	}
	if at >= 0 || len(a.Result.Interfaces) == 0 {
		s.Gateway = routeGateways(a.Result, a.Attachment.Routes)
	}
	return s
}

func firstSandbox(result *current.Result) int {
	return slices.IndexFunc(result.Interfaces, func(i *current.Interface) bool { return i != nil && i.Sandbox != "" })
}

// sandboxIPs are the addresses of the first interface in a sandbox: those that point at it, and those that point at
// no interface, which are all there is without one (clause 48).
func sandboxIPs(result *current.Result) (ips []*current.IPConfig) {
	at := firstSandbox(result)
	for _, ip := range result.IPs {
		if ip != nil && (ip.Interface == nil || *ip.Interface < 0 || *ip.Interface == at) {
			ips = append(ips, ip)
		}
	}
	return ips
}

// routeGateways are the next hops of the default routes, as Multus's key `gateway` has them, after what becomes of
// those routes: a network that lost its default route shows no gateway (clause 32).
func routeGateways(result *current.Result, fate Routes) (gateways []string) {
	for _, gateway := range fate.Gateways {
		gateways = append(gateways, gateway.String())
	}
	for _, route := range result.Routes {
		if route == nil || !isDefaultRoute(route) {
			continue
		}
		gateway, ok := nextHop(result, route)
		dropped := gateway.Is4() && fate.DropV4 || gateway.Is6() && fate.DropV6
		if ok && !dropped && !slices.Contains(gateways, gateway.String()) {
			gateways = append(gateways, gateway.String())
		}
	}
	return gateways
}

// nextHop is the gateway of a route: where the route names none, plugins take that of the address.
func nextHop(result *current.Result, route *types.Route) (netip.Addr, bool) {
	if gateway, ok := netip.AddrFromSlice(route.GW); ok {
		return gateway.Unmap(), true
	}
	_, bits := route.Dst.Mask.Size()
	for _, gateway := range OwnGateways(result) {
		if gateway.BitLen() == bits {
			return gateway, true
		}
	}
	return netip.Addr{}, false
}

func isDefaultRoute(route *types.Route) bool {
	ones, _ := route.Dst.Mask.Size()
	addr, ok := netip.AddrFromSlice(route.Dst.IP)
	return ones == 0 && (!ok || addr.Unmap().IsUnspecified())
}

func dns(d types.DNS) netv1.DNS {
	return netv1.DNS{Nameservers: d.Nameservers, Domain: d.Domain, Search: d.Search, Options: d.Options}
}
