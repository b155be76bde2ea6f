// Package bridge is the plugin "bridge": a veth between the pod and a Linux bridge on the host, with the
// reference bridge plugin's configuration, field for field. The README beside it lists the fields.
package bridge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/braid-cni/braid/ipam"
	"github.com/braid-cni/braid/kernel"
	"github.com/braid-cni/braid/memo"
	"github.com/braid-cni/braid/plugins/plugin"
	"github.com/braid-cni/braid/trace"
)

// A Plugin makes attachments to bridges. It keeps nothing that it could not do without: what it made it knows again by marks.
type Plugin struct {
	kernel  kernel.Kernel
	drivers ipam.Drivers
	locks   locks
	ports   ports
	configs memo.Memo[config]
}

var _ plugin.Plugin = (*Plugin)(nil)

// New returns a plugin that works on one kernel. There should be one of it in a process: a bridge goes with its
// last port, and only a common lock keeps that apart from another pod's arrival.
func New(k kernel.Kernel, drivers ipam.Drivers) *Plugin {
	return &Plugin{kernel: k, drivers: drivers}
}

// Add makes the bridge if there is none, the veth, and, with an IPAM type, addresses, routes and the gateway.
// The result's interfaces are bridge, host end, container end and, with a VLAN and a gateway, the VLAN's link on
// the host; those of a prevResult come before them. Its error is a *types.Error of code 4 if the interface name
// is taken in the pod, 7 for the configuration, 8 for the namespace; of the IPAM driver as that returns it.
func (p *Plugin) Add(ctx context.Context, r *plugin.Request) (result *current.Result, err error) {
	c, err := p.parse(r.Config, r.Args)
	if err != nil {
		return nil, err
	}
	a, err := p.open(&c, r)
	if err != nil {
		return nil, err
	}
	defer a.close()
	var u undo
	defer u.run(&err)
	steps := trace.From(ctx)
	steps.Step("read the configuration")
	if err := a.connectAndLease(ctx, &u); err != nil {
		return nil, err
	}
	steps.Step("take addresses from " + a.ipam)
	if err := a.configurePod(ctx); err != nil {
		return nil, err
	}
	steps.Step("set the pod's end up")
	if err := a.hide(); err != nil {
		return nil, err
	}
	steps.Step("masquerade")
	if err := a.serveGateway(); err != nil {
		return nil, err
	}
	steps.Step("serve the gateway")
	if err := a.awaitPort(ctx); err != nil {
		return nil, err
	}
	u.disarm()
	return a.merged(), nil
}

// Del hands the host end to the teardown, and for after it: nft elements, an interface of this name that another
// bridge plugin made, the bridge if it is ours and now empty, and at last the addresses. It needs neither
// namespace nor prevResult, and of a configuration that is not valid it uses what is.
func (p *Plugin) Del(_ context.Context, r *plugin.Request) error {
	c, err := parse(r.Config, r.Args)
	if c == nil {
		return err
	}
	owner := kernel.NewOwner(r.ContainerID, r.IfName, c.network)
	p.ports.drop(c.bridge, owner.Link)
	r.Teardown.Links(owner.Link)
	r.Teardown.With("bridge "+c.bridge, p.companion(c.bridge))
	r.Teardown.Then(func(ctx context.Context) error {
		return errors.Join(p.removeAdopted(c, r), p.freeAddresses(ctx, c, r))
	})
	return nil
}

// Status asks the IPAM driver.
func (p *Plugin) Status(ctx context.Context, r *plugin.StatusRequest) error {
	c, err := parse(r.Config, "")
	if err != nil || c.ipam == "" {
		return err
	}
	driver, err := p.drivers.Driver(c.ipam)
	if err != nil {
		return fmt.Errorf("find ipam driver %q: %w", c.ipam, err)
	}
	return driver.Status(ctx, &ipam.StatusRequest{Path: r.Path, Config: r.Config})
}

// An attachment is one in the making, or under check.
type attachment struct {
	*Plugin
	*config
	request *plugin.Request
	owner   kernel.Owner
	host    kernel.Netns
	pod     kernel.Netns

	bridgeLink kernel.Link
	hostLink   kernel.Link
	podLink    kernel.Link
	// gatewayVLAN is the VLAN's link on the host, if there is one.
	gatewayVLAN *kernel.Link
	result      *current.Result
	// leased says that the IPAM driver gave addresses.
	leased bool
}

func (p *Plugin) open(c *config, r *plugin.Request) (*attachment, error) {
	host, err := p.kernel.Host()
	if err != nil {
		return nil, err
	}
	pod, err := p.kernel.Open(r.Netns)
	if err != nil {
		_ = host.Close()
		return nil, netnsError(r.Netns, err)
	}
	return &attachment{
		Plugin: p, config: c, request: r, owner: kernel.NewOwner(r.ContainerID, r.IfName, c.network),
		host: host, pod: pod, result: &current.Result{CNIVersion: current.ImplementedSpecVersion},
	}, nil
}

func (a *attachment) close() {
	_ = a.pod.Close()
	_ = a.host.Close()
}

// netnsError gives code 8 to a namespace that cannot be used.
func netnsError(path string, err error) error {
	if errors.Is(err, kernel.ErrNoNetns) || errors.Is(err, kernel.ErrHostNetns) {
		return fmt.Errorf("open pod: %w", types.NewError(types.ErrInvalidNetNS,
			fmt.Sprintf("CNI_NETNS %q cannot be used", path), err.Error()))
	}
	return err
}

func (p *Plugin) removeElements(match func(kernel.Owner) bool) error {
	host, err := p.kernel.Host()
	if err != nil {
		return err
	}
	defer host.Close()
	return kernel.RemoveElements(host, match)
}

// removeAdopted deletes the pod's interface if the prevResult says that this configuration made it, with a host end of another
// name: that of a pod of the time before Braid.
func (p *Plugin) removeAdopted(c *config, r *plugin.Request) error {
	own := kernel.LinkName(r.ContainerID, r.IfName)
	if c.prev == nil || r.Netns == "" || !listed(c.prev, r.IfName, r.Netns) || listed(c.prev, own, "") {
		return nil
	}
	pod, err := p.kernel.Open(r.Netns)
	if errors.Is(err, kernel.ErrNoNetns) {
		return nil
	}
	if err != nil {
		return err
	}
	defer pod.Close()
	link, err := pod.Link(r.IfName)
	if errors.Is(err, kernel.ErrNoLink) || err == nil && link.Kind != "veth" {
		return nil
	}
	if err != nil {
		return err
	}
	return pod.DelLink(r.IfName)
}

func listed(prev *current.Result, name, sandbox string) bool {
	return slices.ContainsFunc(prev.Interfaces, func(i *current.Interface) bool { return i.Name == name && i.Sandbox == sandbox })
}

// locks keeps one lock for each bridge name.
type locks struct {
	mu   sync.Mutex
	held map[string]*sync.Mutex
}

// lock waits for the bridge and returns the unlocking.
func (l *locks) lock(bridge string) (unlock func()) {
	l.mu.Lock()
	if l.held == nil {
		l.held = make(map[string]*sync.Mutex)
	}
	m := l.held[bridge]
	if m == nil {
		m = new(sync.Mutex)
		l.held[bridge] = m
	}
	l.mu.Unlock()
	m.Lock()
	return m.Unlock
}
