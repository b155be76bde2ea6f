package bench

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/vishvananda/netlink"

	"github.com/braid-cni/braid/bench/report"
)

// referenceOctet is the second octet of the first network's addresses.
const referenceOctet = 120

// A Reference is the reference plugins, executed once each for every network, as a runtime or a meta plugin does. A meta
// plugin's own time is not in it.
type Reference struct {
	bin, dir string
	kind     Kind
	networks int
	runtime  *runtime
}

// NewReference returns the reference plugins in bin for pods with that many networks. Leases and cache go into dir.
func NewReference(bin, dir string, kind Kind, networks int) *Reference {
	return &Reference{bin: bin, dir: dir, kind: kind, networks: networks}
}

// Name implements Subject.
func (r *Reference) Name() string { return report.Reference }

// Networks implements Subject.
func (r *Reference) Networks() int { return r.networks }

// all are its networks.
func (r *Reference) all() []network {
	return networks(r.kind, "ref", filepath.Join(r.dir, "leases"), referenceOctet, r.networks)
}

// Start implements Subject. The plugins make their bridges with the first pod.
func (r *Reference) Start(context.Context) (err error) {
	var lists []string
	for _, n := range r.all() {
		lists = append(lists, list(n.name, n.plugin()))
	}
	r.runtime, err = newRuntime(r.bin, filepath.Join(r.dir, "cache"), nil, lists...)
	return err
}

// Add implements Subject.
func (r *Reference) Add(ctx context.Context, pod *Pod) error { return r.runtime.add(ctx, pod) }

// Del implements Subject.
func (r *Reference) Del(ctx context.Context, pod *Pod) error { return r.runtime.del(ctx, pod) }

// Forget implements Forgetter: it removes the bridges, which the plugins leave.
func (r *Reference) Forget() error {
	var errs []error
	for _, n := range r.all() {
		link, err := netlink.LinkByName(n.name)
		if errors.As(err, new(netlink.LinkNotFoundError)) {
			continue
		}
		if err != nil {
			return fmt.Errorf("find bridge %s: %w", n.name, err)
		}
		errs = append(errs, netlink.LinkDel(link))
	}
	return errors.Join(errs...)
}

// Stop removes the bridges.
func (r *Reference) Stop(context.Context) error { return r.Forget() }
