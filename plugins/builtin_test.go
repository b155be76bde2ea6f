package plugins_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/braid-cni/braid/ipam"
	"github.com/braid-cni/braid/kernel"
	"github.com/braid-cni/braid/plugins"
	"github.com/braid-cni/braid/plugins/plugin"
)

// calls is a driver that notes what it is called with.
type calls []string

func (c *calls) Add(_ context.Context, r *ipam.Request) (*current.Result, error) {
	*c = append(*c, "add "+r.ContainerID+" "+r.IfName+" "+r.Args+" "+string(r.Config)+" "+r.Netns+" "+r.Path[0])
	return &current.Result{}, nil
}

func (c *calls) Check(_ context.Context, r *ipam.Request) error {
	*c = append(*c, "check "+r.ContainerID)
	return nil
}

func (c *calls) Del(_ context.Context, r *ipam.Request) error {
	*c = append(*c, "del "+r.ContainerID)
	return nil
}

func (c *calls) GC(_ context.Context, r *ipam.GCRequest) error {
	*c = append(*c, "gc "+r.Valid[0].ContainerID)
	return nil
}

func (c *calls) Status(_ context.Context, r *ipam.StatusRequest) error {
	*c = append(*c, "status "+string(r.Config))
	return nil
}

func TestBuiltin(t *testing.T) {
	driver := new(calls)
	table := plugins.Builtin(plugins.Deps{
		Kernel: kernel.NewFake(kernel.Options{}),
		IPAM:   map[string]ipam.Driver{"host-local": driver, "static": driver, "bridge": driver},
	})
	names := slices.Sorted(maps.Keys(table))
	if got := strings.Join(names, " "); got != "braid-bridge braid-host-local braid-static bridge host-local static" {
		t.Errorf("types: %s", got)
	}
	if table["bridge"] != table["braid-bridge"] {
		t.Error("two values of bridge have two sets of locks")
	}
}

func TestIPAMPlugin(t *testing.T) {
	driver := new(calls)
	p := plugins.Builtin(plugins.Deps{IPAM: map[string]ipam.Driver{"static": driver}})["static"]
	down := kernel.NewTeardown(kernel.NewFake(kernel.Options{}))
	r := &plugin.Request{
		ContainerID: "c1", Netns: "/n", IfName: "eth0", Args: "A=1", Path: []string{"/opt"}, Config: []byte("{}"),
	}
	ctx := t.Context()
	if _, err := p.Add(ctx, r); err != nil {
		t.Error(err)
	}
	r.Teardown = down
	for _, err := range []error{
		p.Check(ctx, r), p.Del(ctx, r),
		p.GC(ctx, &plugin.GCRequest{Valid: []ipam.Attachment{{ContainerID: "c2"}}}),
		p.Status(ctx, &plugin.StatusRequest{Config: []byte("{}")}), down.Flush(ctx),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	want := "add c1 eth0 A=1 {} /n /opt|check c1|gc c2|status {}|del c1"
	if got := strings.Join(*driver, "|"); got != want {
		t.Errorf("calls\n got %s\nwant %s", got, want)
	}
}
