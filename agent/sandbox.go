package agent

import (
	"net/netip"

	"github.com/braid-cni/braid/delegate"
	"github.com/braid-cni/braid/kernel"
)

// A Sandbox lets the delegator change default routes through the kernel seam.
type Sandbox struct{ Kernel kernel.Kernel }

var _ delegate.Sandbox = Sandbox{}

// RemoveDefaultRoutes implements delegate.Sandbox.
func (s Sandbox) RemoveDefaultRoutes(netns, ifname string, v6 bool) (restore func() error, err error) {
	family := kernel.IPv4
	if v6 {
		family = kernel.IPv6
	}
	removed, err := kernel.RemoveDefaultRoutes(s.Kernel, netns, ifname, family)
	if err != nil {
		return nil, err
	}
	return func() error { return kernel.RestoreRoutes(s.Kernel, netns, removed) }, nil
}

// AddDefaultRoutes implements delegate.Sandbox.
func (s Sandbox) AddDefaultRoutes(netns, ifname string, gateways []netip.Addr) error {
	return kernel.AddDefaultRoutes(s.Kernel, netns, ifname, gateways...)
}
