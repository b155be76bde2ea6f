package bridge_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/braid-cni/braid/ipam"
	"github.com/braid-cni/braid/kernel"
	"github.com/braid-cni/braid/kernel/kerneltest"
	"github.com/braid-cni/braid/plugins/bridge"
	"github.com/braid-cni/braid/plugins/plugin"
)

// A world is a kernel with the plugin and an IPAM driver that knows what it gave.
type world struct {
	*kerneltest.World
	plugin *bridge.Plugin
	ipam   *driver
	reaper *kernel.Reaper
}

// each runs the body on the fake and on the real kernel.
func each(t *testing.T, body func(t *testing.T, w *world)) {
	t.Helper()
	kerneltest.Each(t, func(t *testing.T, k *kerneltest.World) { body(t, newWorld(k)) })
}

func newWorld(k *kerneltest.World) *world {
	w := &world{World: k, ipam: &driver{given: make(map[string]int)}, reaper: kernel.NewReaper(k.Kernel)}
	w.plugin = bridge.New(k.Kernel, w.ipam)
	return w
}

// pod is one attachment of a test.
type pod struct {
	id, netns, ifname, config, args string
}

func (p pod) request() *plugin.Request {
	ifname := p.ifname
	if ifname == "" {
		ifname = "eth0"
	}
	return &plugin.Request{
		ContainerID: p.id, Netns: p.netns, IfName: ifname, Args: p.args, Config: []byte(p.config),
		Alias: "default/" + p.id + " " + ifname + " net",
	}
}

// conf completes a configuration of name, version and bridge br0.
func conf(fields string) string {
	if fields != "" {
		fields = "," + fields
	}
	return `{"cniVersion":"1.1.0","name":"net","type":"bridge","bridge":"br0"` + fields + `}`
}

const l3 = `"isGateway":true,"ipam":{"type":"test"}`

// with adds a prevResult to the configuration.
func (p pod) with(t testing.TB, result *current.Result) pod {
	t.Helper()
	var c map[string]any
	if err := json.Unmarshal([]byte(p.config), &c); err != nil {
		t.Fatal(err)
	}
	c["prevResult"] = result
	data, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	p.config = string(data)
	return p
}

func (w *world) add(t testing.TB, p pod) *current.Result {
	t.Helper()
	result, err := w.plugin.Add(t.Context(), p.request())
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func (w *world) del(t testing.TB, p pod) {
	t.Helper()
	if err := w.tryDel(t, p); err != nil {
		t.Fatal(err)
	}
}

func (w *world) tryDel(t testing.TB, p pod) error {
	r := p.request()
	down := w.reaper.Teardown()
	r.Teardown = down
	if err := w.plugin.Del(t.Context(), r); err != nil {
		return err
	}
	return down.Flush(t.Context())
}

func (w *world) host(t testing.TB) kernel.Netns {
	t.Helper()
	n, err := w.Kernel.Host()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	return n
}

func (w *world) open(t testing.TB, path string) kernel.Netns {
	t.Helper()
	n, err := w.Kernel.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	return n
}

func must(t testing.TB, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func want(t testing.TB, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s\n got:\n%s\nwant:\n%s", what, got, want)
	}
}

// code returns the CNI code that an error carries, or 0.
func code(err error) uint {
	var cni *types.Error
	if errors.As(err, &cni) {
		return cni.Code
	}
	return 0
}

// A driver gives out 10.1.0.2/24, 10.1.0.3/24 and so on; or what a test sets.
type driver struct {
	mu     sync.Mutex
	given  map[string]int
	last   int
	result func(n int) *current.Result
	err    error
	gc     []ipam.Attachment
}

func (d *driver) Driver(typ string) (ipam.Driver, error) {
	if typ != "test" {
		return nil, fmt.Errorf("no ipam %q", typ)
	}
	return d, nil
}

func (d *driver) Add(_ context.Context, r *ipam.Request) (*current.Result, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err != nil {
		return nil, d.err
	}
	d.last++
	d.given[r.ContainerID+" "+r.IfName] = d.last
	if d.result != nil {
		return d.result(d.last), nil
	}
	return &current.Result{IPs: []*current.IPConfig{{Address: cidr(fmt.Sprintf("10.1.0.%d/24", d.last+1))}}}, nil
}

func (d *driver) Check(_ context.Context, r *ipam.Request) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.given[r.ContainerID+" "+r.IfName] == 0 {
		return errors.New("no lease")
	}
	return nil
}

func (d *driver) Del(_ context.Context, r *ipam.Request) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.given, r.ContainerID+" "+r.IfName)
	return nil
}

func (d *driver) GC(_ context.Context, r *ipam.GCRequest) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.gc = r.Valid
	return nil
}

func (d *driver) Status(context.Context, *ipam.StatusRequest) error { return d.err }

// leases is the number of addresses that are not freed.
func (d *driver) leases() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.given)
}

// cidr keeps the host bits.
func cidr(s string) net.IPNet {
	p := netip.MustParsePrefix(s)
	return net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

// hostLink is the name of a pod's host end.
func (p pod) hostLink() string { return kernel.LinkName(p.id, p.request().IfName) }

// lines joins lines for comparison with a dump, with the pod's host end in place of $link.
func (p pod) lines(text string) string { return strings.ReplaceAll(text, "$link", p.hostLink()) }

// kernelWorld is a fake kernel for tests that change nothing.
func kernelWorld() *kerneltest.World { return kerneltest.NewFake() }
