package hostlocal

import (
	"errors"
	"io/fs"
	"math/big"
	"net/netip"

	"github.com/braid-cni/braid/ipam"
)

var _ ipam.Counter = (*Driver)(nil)

// Usage counts the leases in each range. Leases that others made outside of every range are not counted.
func (d *Driver) Usage(config []byte) ([]ipam.Usage, error) {
	c, err := parse(config, "")
	if err != nil {
		return nil, err
	}
	leased, err := d.leased(c.place)
	if err != nil {
		return nil, c.failed(err)
	}
	var all []ipam.Usage
	for _, s := range c.sets {
		for _, r := range s {
			u := ipam.Usage{Range: r.String(), Total: r.size()}
			u.Total.Sub(u.Total, big.NewInt(int64(c.gatewaysIn(r))))
			for _, addr := range leased {
				if r.contains(addr) {
					u.Used++
				}
			}
			all = append(all, u)
		}
	}
	return all, nil
}

// gatewaysIn counts the addresses of a range that are no attachment's because they are gateways.
func (c *config) gatewaysIn(r addrRange) int {
	in := map[netip.Addr]bool{}
	for _, s := range c.sets {
		for _, other := range s {
			if r.contains(other.gateway) {
				in[other.gateway] = true
			}
		}
	}
	return len(in)
}

// leased lists a network's leases; a folder that does not exist has none.
func (d *Driver) leased(p place) ([]netip.Addr, error) {
	folder, err := openFolder(d.options.Root, p.folder, false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	return leaseNames(folder)
}
