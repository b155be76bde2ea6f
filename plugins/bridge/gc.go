package bridge

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/braid-cni/braid/ipam"
	"github.com/braid-cni/braid/kernel"
	"github.com/braid-cni/braid/plugins/plugin"
)

// GC deletes the links and nft elements that are marked as this network's and belong to none of the valid
// attachments, then the bridge if that leaves it empty, and forwards the call to the IPAM driver. The network is
// the configuration's name. A link that an ADD was killed before marking is left to its DEL.
func (p *Plugin) GC(ctx context.Context, r *plugin.GCRequest) error {
	c, err := parse(r.Config, "")
	if c == nil {
		return err
	}
	valid := make(map[string]bool, len(r.Valid))
	for _, v := range r.Valid {
		valid[kernel.LinkName(v.ContainerID, v.IfName)] = true
	}
	network := kernel.NetworkID(c.network)
	return errors.Join(
		p.removeStale(ctx, c, valid),
		p.removeElements(func(o kernel.Owner) bool { return o.Network == network && !valid[o.Link] }),
		p.removeIfEmpty(c.bridge),
		p.collectAddresses(ctx, c, r),
	)
}

func (p *Plugin) removeStale(ctx context.Context, c *config, valid map[string]bool) error {
	host, err := p.kernel.Host()
	if err != nil {
		return err
	}
	defer host.Close()
	links, err := host.Links()
	if err != nil {
		return err
	}
	stale, left := kernel.NewTeardown(p.kernel), make(map[string]bool)
	for _, l := range links {
		if !valid[l.Name] && slices.Contains(l.AltNames, kernel.NetworkAltName(l.Name, c.network)) {
			stale.Links(l.Name)
			continue
		}
		left[l.Name] = true
	}
	p.ports.keep(c.bridge, func(link string) bool { return left[link] })
	return stale.Flush(ctx)
}

func (p *Plugin) collectAddresses(ctx context.Context, c *config, r *plugin.GCRequest) error {
	if c.ipam == "" {
		return nil
	}
	driver, err := p.drivers.Driver(c.ipam)
	if err != nil {
		return fmt.Errorf("find ipam driver %q: %w", c.ipam, err)
	}
	return driver.GC(ctx, &ipam.GCRequest{Path: r.Path, Config: r.Config, Valid: r.Valid})
}
