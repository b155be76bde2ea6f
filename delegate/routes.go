package delegate

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/containernetworking/cni/pkg/types/create"

	"github.com/braid-cni/braid/netattach"
	"github.com/braid-cni/braid/store"
)

// A Sandbox changes the default routes of a pod, which no single plugin can decide about.
type Sandbox interface {
	// RemoveDefaultRoutes removes the default routes by ifname, of IPv6 or of IPv4, and returns what puts them back.
	RemoveDefaultRoutes(netns, ifname string, v6 bool) (restore func() error, err error)
	// AddDefaultRoutes adds a default route by ifname through each gateway.
	AddDefaultRoutes(netns, ifname string, gateways []netip.Addr) error
}

// families is a set of address families.
type families struct{ v4, v6 bool }

func (f families) has(v6 bool) bool { return v6 && f.v6 || !v6 && f.v4 }

// setAside takes the default routes of the attachments made so far out of the way of one that brings its own, whose
// plugin could not add a second one, and returns what puts those of a family back.
func (d *Delegator) setAside(c *store.Container, i int) (restore func(v6 bool) error, err error) {
	back := map[bool][]func() error{}
	if c.Attachments[i].DefaultRoutes.Own {
		for _, a := range before(c, i) {
			for _, v6 := range []bool{false, true} {
				undo, err := d.o.Sandbox.RemoveDefaultRoutes(c.Netns, a.IfName, v6)
				if err != nil {
					return nil, err
				}
				back[v6] = append(back[v6], undo)
			}
		}
	}
	return func(v6 bool) error {
		var errs []error
		for _, undo := range back[v6] {
			errs = append(errs, undo())
		}
		return errors.Join(errs...)
	}, nil
}

// before are the attachments made before the one at i, the one of a chain included.
func before(c *store.Container, i int) []*store.Attachment {
	var made []*store.Attachment
	if c.Chained != nil {
		made = append(made, c.Chained)
	}
	for j := range i {
		made = append(made, &c.Attachments[j])
	}
	return made
}

// routeDefault makes the kernel and the result of the attachment at i agree with the default routes that the plan gives
// it. CHECK compares with the result later.
func (d *Delegator) routeDefault(c *store.Container, i int, restore func(v6 bool) error) error {
	a := &c.Attachments[i]
	if a.DefaultRoutes.Own {
		if err := d.settleOwn(c, i, restore); err != nil {
			return err
		}
	}
	want := a.DefaultRoutes
	if err := d.drop(c.Netns, a); err != nil || len(want.Gateways) == 0 {
		return err
	}
	if err := d.o.Sandbox.AddDefaultRoutes(c.Netns, a.IfName, want.Gateways); err != nil {
		return err
	}
	return editRoutes(a, func(routes []*types.Route) []*types.Route { return append(routes, defaultRoutes(want.Gateways)...) })
}

// settleOwn turns "the gateways of its own result" into gateways, now that there is a result, gives the others back the
// default routes of families that it has none for, and lets them yield those that it has.
func (d *Delegator) settleOwn(c *store.Container, i int, restore func(v6 bool) error) error {
	a := &c.Attachments[i]
	result, err := DecodeResult(a.Result)
	if err != nil {
		return err
	}
	gateways := netattach.OwnGateways(result)
	if len(gateways) == 0 {
		return errors.New("default-route [] asks for the network's own gateway, and its result has none: name one, or configure a gateway")
	}
	have := familiesOf(gateways)
	a.DefaultRoutes.Gateways, a.DefaultRoutes.Drop4, a.DefaultRoutes.Drop6 = gateways, have.v4, have.v6
	for _, v6 := range []bool{false, true} {
		if !have.has(v6) {
			if err := restore(v6); err != nil {
				return err
			}
		}
	}
	return d.yield(c, i, have)
}

// yield notes which families the other attachments lose. For those made already the kernel has lost them in setAside.
func (d *Delegator) yield(c *store.Container, i int, have families) error {
	for j := i + 1; j < len(c.Attachments); j++ {
		c.Attachments[j].DefaultRoutes.Drop4, c.Attachments[j].DefaultRoutes.Drop6 = have.v4, have.v6
	}
	for _, a := range before(c, i) {
		a.DefaultRoutes.Drop4, a.DefaultRoutes.Drop6 = have.v4, have.v6
		if err := editRoutes(a, func(routes []*types.Route) []*types.Route { return withoutDefaults(routes, have) }); err != nil {
			return err
		}
	}
	return nil
}

// drop removes the attachment's own default routes of the families that the plan takes from it.
func (d *Delegator) drop(netns string, a *store.Attachment) error {
	lose := families{v4: a.DefaultRoutes.Drop4, v6: a.DefaultRoutes.Drop6}
	if lose == (families{}) {
		return nil
	}
	for _, v6 := range []bool{false, true} {
		if lose.has(v6) {
			if _, err := d.o.Sandbox.RemoveDefaultRoutes(netns, a.IfName, v6); err != nil {
				return err
			}
		}
	}
	return editRoutes(a, func(routes []*types.Route) []*types.Route { return withoutDefaults(routes, lose) })
}

// editRoutes changes the routes of a stored result and leaves it in its own version.
func editRoutes(a *store.Attachment, edit func([]*types.Route) []*types.Route) error {
	version, err := create.DecodeVersion(a.Result)
	if err != nil {
		return fmt.Errorf("read the result: %w", err)
	}
	r, err := DecodeResult(a.Result)
	if err != nil {
		return err
	}
	r.Routes = edit(r.Routes)
	converted, err := r.GetAsVersion(version)
	if err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	a.Result, err = json.Marshal(converted)
	return err
}

func withoutDefaults(routes []*types.Route, lose families) []*types.Route {
	return slices.DeleteFunc(routes, func(r *types.Route) bool {
		ones, bits := r.Dst.Mask.Size()
		return ones == 0 && lose.has(bits == 8*net.IPv6len)
	})
}

func defaultRoutes(gateways []netip.Addr) []*types.Route {
	var routes []*types.Route
	for _, gateway := range gateways {
		dst := net.IPNet{IP: make(net.IP, gateway.BitLen()/8), Mask: net.CIDRMask(0, gateway.BitLen())}
		routes = append(routes, &types.Route{Dst: dst, GW: gateway.AsSlice()})
	}
	return routes
}

// DecodeResult reads a stored result, of whatever version.
func DecodeResult(raw []byte) (*current.Result, error) {
	result, err := create.CreateFromBytes(raw)
	if err != nil {
		return nil, fmt.Errorf("read the result: %w", err)
	}
	return current.NewResultFromResult(result)
}

func familiesOf(addrs []netip.Addr) families {
	var f families
	for _, a := range addrs {
		f.v4 = f.v4 || a.Is4()
		f.v6 = f.v6 || a.Is6()
	}
	return f
}
