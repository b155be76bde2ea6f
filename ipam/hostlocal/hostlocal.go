// Package hostlocal is the IPAM driver "host-local": addresses out of ranges, leased on this node. Configuration,
// lease files and lock are those of the reference plugin of that name, so both may work on one folder at a time.
package hostlocal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/containernetworking/cni/pkg/utils"

	"github.com/braid-cni/braid/ipam"
	"github.com/braid-cni/braid/memo"
)

// lockWait bounds the wait for a folder's lock when Options says nothing.
const lockWait = 10 * time.Second

// Options are what New needs. The zero value serves a process that sees the host's own root.
type Options struct {
	// Root is where the host's "/" is mounted, "/" when empty. dataDir and resolvConf are resolved inside it.
	Root string
	// LockWait bounds the wait for a network's lock, 10 s when zero. A context that ends earlier wins.
	LockWait time.Duration
	// Hook, when not nil, is called before and after each change of a folder with the step's name. It is for tests
	// that end the process there.
	Hook func(step string)
}

// A Driver leases addresses in the folders of one host. It is safe for use from many goroutines.
type Driver struct {
	options Options
	configs memo.Memo[*config]

	mu       sync.Mutex
	networks map[string]*network
}

// network is what a driver keeps about one folder between calls.
type network struct {
	turn turn
	// index belongs to who has the turn; nil when the leases must be read.
	index *index
}

// New returns a driver. It touches no file.
func New(o Options) *Driver {
	if o.Root == "" {
		o.Root = "/"
	}
	if o.LockWait == 0 {
		o.LockWait = lockWait
	}
	return &Driver{options: o, networks: map[string]*network{}}
}

// Add leases one address of each range set. Errors have the CNI codes 4 (the attachment has leases already), 5, 6,
// 7, 11 (lock not had, or the address asked for is taken) and 50 (a range set is full).
func (d *Driver) Add(ctx context.Context, r *ipam.Request) (*current.Result, error) {
	who, err := attachment(r)
	if err != nil {
		return nil, err
	}
	c, err := d.parse(r.Config, r.Args)
	if err != nil {
		return nil, err
	}
	dns, err := readResolvConf(d.options.Root, c.resolvConf)
	if err != nil {
		return nil, err
	}
	var addrs []netip.Addr
	err = d.locked(ctx, c.place, true, func(l *ledger) (err error) {
		addrs, err = c.allot(l, who)
		return err
	})
	if err != nil {
		return nil, err
	}
	return c.result(addrs, dns), nil
}

// result puts the leased addresses, one of each set in order, into a CNI result.
func (c *config) result(addrs []netip.Addr, dns types.DNS) *current.Result {
	result := &current.Result{CNIVersion: current.ImplementedSpecVersion, Routes: slices.Clone(c.routes), DNS: dns}
	for i, addr := range addrs {
		r := c.sets[i][c.sets[i].index(addr)]
		result.IPs = append(result.IPs, &current.IPConfig{
			Address: net.IPNet{IP: addr.AsSlice(), Mask: net.CIDRMask(r.subnet.Bits(), addr.BitLen())},
			Gateway: r.gateway.AsSlice(),
		})
	}
	return result
}

// Check fails when the attachment has no lease, or when its leases and the addresses of prevResult differ.
func (d *Driver) Check(ctx context.Context, r *ipam.Request) error {
	who, err := attachment(r)
	if err != nil {
		return err
	}
	c, err := parse(r.Config, "")
	if err != nil {
		return err
	}
	err = d.locked(ctx, c.place, false, func(l *ledger) error { return c.check(l, who) })
	if errors.Is(err, fs.ErrNotExist) {
		return noLease(c.network, who)
	}
	return err
}

// Del frees the leases of the attachment. Of the configuration it reads only the name and dataDir.
func (d *Driver) Del(ctx context.Context, r *ipam.Request) error {
	who, err := attachment(r)
	if err != nil {
		return err
	}
	return d.sweep(ctx, r.Config, func(l *ledger) []netip.Addr {
		own, old := l.leases(who)
		if len(own) == 0 {
			// Leases from before interface names are the container's as a whole, as for the reference.
			own = old
		}
		return slices.Clone(own)
	})
}

// GC frees every lease of the network whose attachment is not in r.Valid, and leases that a crash left without
// content. With no valid attachments it frees all: telling an empty list from an absent one is the caller's.
// A lease from before interface names stays while its container has any valid attachment.
func (d *Driver) GC(ctx context.Context, r *ipam.GCRequest) error {
	valid := map[owner]bool{}
	for _, a := range r.Valid {
		valid[owner{a.ContainerID, a.IfName}] = true
		valid[owner{containerID: a.ContainerID}] = true
	}
	return d.sweep(ctx, r.Config, func(l *ledger) []netip.Addr {
		var stale []netip.Addr
		for addr, who := range l.index.owners {
			if !valid[who] {
				stale = append(stale, addr)
			}
		}
		return stale
	})
}

// sweep frees the addresses that stale picks, all that it can. A folder that does not exist has none.
func (d *Driver) sweep(ctx context.Context, data []byte, stale func(*ledger) []netip.Addr) error {
	p, err := parsePlaceOnly(data)
	if err != nil {
		return err
	}
	err = d.locked(ctx, p, false, func(l *ledger) error {
		var errs []error
		for _, addr := range stale(l) {
			errs = append(errs, l.erase(addr))
		}
		return errors.Join(append(errs, l.removeDraft())...)
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Status fails with code 50 when a range set has no free address. It waits for no lock.
func (d *Driver) Status(_ context.Context, r *ipam.StatusRequest) error {
	c, err := parse(r.Config, "")
	if err != nil {
		return err
	}
	folder, err := openFolder(d.options.Root, c.folder, false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return c.failed(err)
	}
	defer folder.Close()
	x, err := readIndex(folder)
	if err != nil {
		return c.failed(err)
	}
	l := &ledger{folder: folder, index: x}
	for i := range c.sets {
		if _, err := c.next(l, i); err != nil {
			return err
		}
	}
	return nil
}

// locked runs f on the ledger of a network while nobody else uses it, neither in this process nor another.
func (d *Driver) locked(ctx context.Context, p place, create bool, f func(*ledger) error) error {
	ctx, cancel := context.WithTimeout(ctx, d.options.LockWait)
	defer cancel()
	n := d.network(p.folder)
	if err := n.turn.take(ctx); err != nil {
		return p.failed(busy(err))
	}
	defer n.turn.give()
	folder, err := openFolder(d.options.Root, p.folder, create)
	if err != nil {
		return p.failed(err)
	}
	defer folder.Close()
	lock, err := lockFolder(ctx, folder)
	if err != nil {
		return p.failed(err)
	}
	defer lock.Close()
	l, err := openLedger(folder, n.index, d.options.Hook)
	n.index = nil
	if err != nil {
		return p.failed(err)
	}
	err = f(l)
	n.index = l.seal()
	return p.failed(err)
}

// network returns what is kept about a folder.
func (d *Driver) network(folder string) *network {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.networks[folder]
	if n == nil {
		n = &network{turn: make(turn, 1)}
		d.networks[folder] = n
	}
	return n
}

// attachment reads who a request is for, and refuses names that could not stand in a lease file.
func attachment(r *ipam.Request) (owner, error) {
	if err := utils.ValidateContainerID(r.ContainerID); err != nil {
		return owner{}, fmt.Errorf("read CNI_CONTAINERID %q: %w", r.ContainerID, err)
	}
	if err := utils.ValidateInterfaceName(r.IfName); err != nil {
		return owner{}, fmt.Errorf("read CNI_IFNAME %q: %w", r.IfName, err)
	}
	return owner{r.ContainerID, r.IfName}, nil
}
