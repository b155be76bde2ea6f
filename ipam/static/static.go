// Package static is the IPAM driver "static": the addresses that the configuration or the caller names, without
// any state.
package static

import (
	"context"
	"net"
	"net/netip"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/braid-cni/braid/ipam"
)

// A Driver hands configured addresses on. Two attachments with one configuration get the same addresses: keeping
// them apart is the configuration's.
type Driver struct{}

// New returns a driver.
func New() *Driver { return &Driver{} }

// Add returns the configured addresses, routes and DNS. Errors have the CNI codes 6 and 7.
func (d *Driver) Add(_ context.Context, r *ipam.Request) (*current.Result, error) {
	c, err := parse(r.Config, r.Args)
	if err != nil {
		return nil, err
	}
	result := &current.Result{CNIVersion: current.ImplementedSpecVersion, Routes: c.routes, DNS: c.dns}
	for _, a := range c.addresses {
		addr := a.prefix.Addr()
		result.IPs = append(result.IPs, &current.IPConfig{
			Address: net.IPNet{IP: addr.AsSlice(), Mask: net.CIDRMask(a.prefix.Bits(), addr.BitLen())},
			Gateway: a.gateway.AsSlice(),
		})
	}
	return result, nil
}

// Check fails when prevResult, which it needs, lacks a configured address or has it with another gateway.
func (d *Driver) Check(_ context.Context, r *ipam.Request) error {
	c, err := parse(r.Config, r.Args)
	if err != nil {
		return err
	}
	prev, err := ipam.PrevResult(c.cniVersion, c.prevResult)
	if err != nil {
		return err
	}
	if prev == nil {
		return ipam.Errorf(types.ErrInvalidNetworkConfig, "prevResult is missing: give CHECK the result of ADD")
	}
	for _, a := range c.addresses {
		if err := a.check(prev, r.IfName); err != nil {
			return err
		}
	}
	return nil
}

// check looks for an address in a result. Without a gateway of its own it takes any.
func (a address) check(prev *current.Result, ifName string) error {
	for _, ip := range prev.IPs {
		addr, _ := netip.AddrFromSlice(ip.Address.IP)
		if addr.Unmap() != a.prefix.Addr() {
			continue
		}
		gateway, _ := netip.AddrFromSlice(ip.Gateway)
		if a.gateway.IsValid() && gateway.Unmap() != a.gateway {
			return ipam.Errorf(types.ErrInternal, "prevResult has %s of interface %s with gateway %s instead of %s: delete the pod",
				a.prefix, ifName, gateway, a.gateway)
		}
		return nil
	}
	return ipam.Errorf(types.ErrInternal, "prevResult lacks %s of interface %s: delete the pod", a.prefix, ifName)
}

// Del has nothing to free.
func (d *Driver) Del(context.Context, *ipam.Request) error { return nil }

// GC has nothing to free.
func (d *Driver) GC(context.Context, *ipam.GCRequest) error { return nil }

// Status fails when the configuration is wrong.
func (d *Driver) Status(_ context.Context, r *ipam.StatusRequest) error {
	_, err := parse(r.Config, "")
	return err
}
