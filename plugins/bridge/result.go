package bridge

import (
	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/braid-cni/braid/kernel"
)

// merged is the result of ADD: what came before in the chain, then ours.
func (a *attachment) merged() *current.Result {
	res := a.result
	res.Interfaces = []*current.Interface{
		iface(a.bridgeLink, ""), iface(a.hostLink, ""), iface(a.podLink, a.request.Netns),
	}
	if a.gatewayVLAN != nil {
		res.Interfaces = append(res.Interfaces, iface(*a.gatewayVLAN, ""))
	}
	if !a.dns.IsEmpty() {
		res.DNS = a.dns
	}
	if a.prev == nil {
		return res
	}
	for _, ip := range res.IPs {
		ip.Interface = current.Int(*ip.Interface + len(a.prev.Interfaces))
	}
	res.Interfaces = append(a.prev.Interfaces, res.Interfaces...)
	res.IPs = append(a.prev.IPs, res.IPs...)
	res.Routes = append(a.prev.Routes, res.Routes...)
	if res.DNS.IsEmpty() {
		res.DNS = a.prev.DNS
	}
	return res
}

func iface(l kernel.Link, sandbox string) *current.Interface {
	return &current.Interface{Name: l.Name, Mac: l.MAC.String(), Mtu: l.MTU, Sandbox: sandbox}
}
