package netattach

import (
	"net/netip"

	current "github.com/containernetworking/cni/pkg/types/100"
)

// Routes is what becomes of an attachment's default routes (clauses 31, 32; families one by one). The zero Routes
// leaves them as the plugins made them.
type Routes struct {
	// Gateways become the pod's default routes through this attachment, at most one a family, instead of the
	// attachment's own of that family.
	Gateways []netip.Addr `json:"gateways,omitempty"`
	// OwnGateways stands for `"default-route": []`: the gateways of this attachment's result become the pod's default
	// routes. If the result has none, the attachment has failed.
	OwnGateways bool `json:"ownGateways,omitempty"`
	// DropV4 and DropV6 take away the attachment's default routes of that family, in the kernel and in its result.
	DropV4 bool `json:"dropV4,omitempty"`
	DropV6 bool `json:"dropV6,omitempty"`
	// DropOwner takes away the default routes of those families for which the attachment with OwnGateways turns out
	// to have a gateway.
	DropOwner bool `json:"dropOwner,omitempty"`
}

// Requested says whether the attachment's element has the key default-route.
func (r Routes) Requested() bool { return r.OwnGateways || len(r.Gateways) > 0 }

// route decides on default routes. checkTogether has seen to it that one element at most has default-route.
func (p *Plan) route(list []want) {
	for i, w := range list {
		if w.pick == nil || w.pick.GatewayRequest == nil {
			continue
		}
		own := ownRoutes(w.pick)
		others := Routes{DropV4: own.DropV4, DropV6: own.DropV6, DropOwner: own.OwnGateways}
		for j := range p.Attachments {
			p.Attachments[j].Routes = others
		}
		if p.Chained {
			p.ChainedRoutes = others
		}
		p.Attachments[i].Routes = own
	}
}

func ownRoutes(s *Selection) Routes {
	own := Routes{OwnGateways: len(s.GatewayRequest) == 0}
	for _, ip := range s.GatewayRequest {
		gateway, _ := netip.AddrFromSlice(ip)
		own.Gateways = append(own.Gateways, gateway)
		own.DropV4 = own.DropV4 || gateway.Is4()
		own.DropV6 = own.DropV6 || gateway.Is6()
	}
	return own
}

// OwnGateways are the gateways that a result gives to the interface that Status describes, the first of each family.
func OwnGateways(result *current.Result) (gateways []netip.Addr) {
	families := map[bool]bool{}
	for _, ip := range sandboxIPs(result) {
		gateway, ok := netip.AddrFromSlice(ip.Gateway)
		if gateway = gateway.Unmap(); ok && !families[gateway.Is4()] {
			families[gateway.Is4()] = true
			gateways = append(gateways, gateway)
		}
	}
	return gateways
}

// Settle replaces what depends on a result: own are the OwnGateways of the attachment that has OwnGateways set. What
// it returns has neither OwnGateways nor DropOwner. Routes that depend on no result stay as they are.
func (r Routes) Settle(own []netip.Addr) Routes {
	out := Routes{Gateways: r.Gateways, DropV4: r.DropV4, DropV6: r.DropV6}
	if r.OwnGateways {
		out.Gateways = own
	}
	for _, gateway := range own {
		if r.OwnGateways || r.DropOwner {
			out.DropV4 = out.DropV4 || gateway.Is4()
			out.DropV6 = out.DropV6 || gateway.Is6()
		}
	}
	return out
}
