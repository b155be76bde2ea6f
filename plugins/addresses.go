package plugins

import (
	"context"

	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/braid-cni/braid/ipam"
	"github.com/braid-cni/braid/plugins/plugin"
)

// addresses presents an IPAM driver as a plugin.
type addresses struct{ driver ipam.Driver }

var _ plugin.Plugin = addresses{}

func (a addresses) Add(ctx context.Context, r *plugin.Request) (*current.Result, error) {
	return a.driver.Add(ctx, request(r))
}

func (a addresses) Check(ctx context.Context, r *plugin.Request) error {
	return a.driver.Check(ctx, request(r))
}

// Del frees after the links of the same teardown are gone: an address must not be given again while it answers.
func (a addresses) Del(_ context.Context, r *plugin.Request) error {
	r.Teardown.Then(func(ctx context.Context) error { return a.driver.Del(ctx, request(r)) })
	return nil
}

func (a addresses) GC(ctx context.Context, r *plugin.GCRequest) error {
	return a.driver.GC(ctx, &ipam.GCRequest{Path: r.Path, Config: r.Config, Valid: r.Valid})
}

func (a addresses) Status(ctx context.Context, r *plugin.StatusRequest) error {
	return a.driver.Status(ctx, &ipam.StatusRequest{Path: r.Path, Config: r.Config})
}

func request(r *plugin.Request) *ipam.Request {
	return &ipam.Request{
		ContainerID: r.ContainerID, Netns: r.Netns, IfName: r.IfName, Args: r.Args, Path: r.Path, Config: r.Config,
	}
}
