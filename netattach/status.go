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
// Without a result, or without such an interface among those it lists, the map is minimal: name, default and dns. A
// result that lists no interfaces at all (CNI before 0.3) has its addresses taken for the container's.
func StatusOf(a Attached) NetworkStatus {
	s := NetworkStatus{Default: a.Attachment.Default}
	s.Name, s.DeviceInfo = a.Attachment.Network, a.DeviceInfo
	for _, gateway := range a.Attachment.Routes.Gateways {
		s.DefaultRoute = append(s.DefaultRoute, gateway.String())
	}
	if a.Result == nil {
		return s
	}
	s.DNS = dns(a.Result.DNS)
	at := firstSandbox(a.Result)
	if at < 0 && len(a.Result.Interfaces) > 0 {
		return s
	}
	if at >= 0 {
		link := a.Result.Interfaces[at]
		s.Interface, s.Mac, s.Mtu = link.Name, link.Mac, link.Mtu
	}
	s.addresses(a, at)
	return s
}

func firstSandbox(result *current.Result) int {
	return slices.IndexFunc(result.Interfaces, func(i *current.Interface) bool { return i != nil && i.Sandbox != "" })
}

// addresses takes the IPs of the interface with index at, and those that name no interface (clause 48).
func (s *NetworkStatus) addresses(a Attached, at int) {
	for _, ip := range a.Result.IPs {
		if ip == nil || ip.Interface != nil && *ip.Interface != at {
			continue
		}
		s.IPs = append(s.IPs, ip.Address.IP.String())
		if a.Attachment.Routes.OwnGateways && ip.Gateway != nil {
			s.DefaultRoute = append(s.DefaultRoute, ip.Gateway.String())
		}
	}
	for _, route := range a.Result.Routes {
		if route != nil && route.GW != nil && isDefaultRoute(route) {
			s.Gateway = append(s.Gateway, route.GW.String())
		}
	}
}

func isDefaultRoute(route *types.Route) bool {
	ones, _ := route.Dst.Mask.Size()
	addr, ok := netip.AddrFromSlice(route.Dst.IP)
	return ones == 0 && (!ok || addr.IsUnspecified())
}

func dns(d types.DNS) netv1.DNS {
	return netv1.DNS{Nameservers: d.Nameservers, Domain: d.Domain, Search: d.Search, Options: d.Options}
}
