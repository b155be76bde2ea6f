package plugins

import (
	"context"

	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/braid-cni/braid/ipam"
	"github.com/braid-cni/braid/plugins/plugin"
)

// An ipamPlugin lets an IPAM driver be called as a plugin, as a third-party plugin does that delegates to it.
type ipamPlugin struct{ driver ipam.Driver }

// Add returns the driver's result, which has no interfaces (CNI spec 1.1, section 4).
func (p ipamPlugin) Add(ctx context.Context, r *plugin.Request) (*current.Result, error) {
	return p.driver.Add(ctx, ipamRequest(r))
}

func (p ipamPlugin) Check(ctx context.Context, r *plugin.Request) error {
	return p.driver.Check(ctx, ipamRequest(r))
}

// Del frees the addresses after the links of the same teardown, if there is one.
func (p ipamPlugin) Del(ctx context.Context, r *plugin.Request) error {
	free := func(ctx context.Context) error { return p.driver.Del(ctx, ipamRequest(r)) }
	if r.Teardown == nil {
		return free(ctx)
	}
	r.Teardown.Then(free)
	return nil
}

func (p ipamPlugin) GC(ctx context.Context, r *plugin.GCRequest) error {
	return p.driver.GC(ctx, &ipam.GCRequest{Path: r.Path, Config: r.Config, Valid: r.Valid})
}

func (p ipamPlugin) Status(ctx context.Context, r *plugin.StatusRequest) error {
	return p.driver.Status(ctx, &ipam.StatusRequest{Path: r.Path, Config: r.Config})
}

func ipamRequest(r *plugin.Request) *ipam.Request {
	return &ipam.Request{
		ContainerID: r.ContainerID, Netns: r.Netns, IfName: r.IfName, Args: r.Args, Path: r.Path, Config: r.Config,
	}
}
