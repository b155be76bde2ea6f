package bench

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/vishvananda/netlink"
)

// A Reference is the reference plugins bridge and host-local, executed once each for every network, as a runtime or
// a meta plugin does. A meta plugin's own time is not in it.
type Reference struct {
	bin, dir string
	networks int
	runtime  *runtime
}

// NewReference returns the reference plugins in bin for pods with that many networks. Leases and cache go into dir.
func NewReference(bin, dir string, networks int) *Reference {
	return &Reference{bin: bin, dir: dir, networks: networks}
}

// Name implements Subject.
func (r *Reference) Name() string { return "reference" }

// Start implements Subject. The plugins make their bridges with the first pod.
func (r *Reference) Start(context.Context) (err error) {
	var lists []string
	for i := range r.networks {
		name := fmt.Sprintf("ref%d", i)
		lists = append(lists, fmt.Sprintf(`{"cniVersion":"1.1.0","name":%q,"plugins":[%s]}`, name,
			bridgeConfig(name, name, filepath.Join(r.dir, "leases"), i)))
	}
	r.runtime, err = newRuntime(r.bin, filepath.Join(r.dir, "cache"), nil, lists...)
	return err
}

// Add implements Subject.
func (r *Reference) Add(ctx context.Context, pod *Pod) error { return r.runtime.add(ctx, pod) }

// Del implements Subject.
func (r *Reference) Del(ctx context.Context, pod *Pod) error { return r.runtime.del(ctx, pod) }

// Stop removes the bridges, which the plugins leave.
func (r *Reference) Stop(context.Context) error {
	var errs []error
	for i := range r.networks {
		bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: fmt.Sprintf("ref%d", i)}}
		if _, err := netlink.LinkByName(bridge.Name); err == nil {
			errs = append(errs, netlink.LinkDel(bridge))
		}
	}
	return errors.Join(errs...)
}
