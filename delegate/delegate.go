// Package delegate carries a plan out: it drives the plugin chain of each attachment through libcni, calls plugins that
// are built in and executes the others, and takes attachments away again from what was stored of them.
package delegate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/containernetworking/cni/libcni"
	"github.com/containernetworking/cni/pkg/invoke"
	"github.com/containernetworking/cni/pkg/types"

	"github.com/braid-cni/braid/ipam"
	"github.com/braid-cni/braid/memo"
	"github.com/braid-cni/braid/plugins/plugin"
	"github.com/braid-cni/braid/store"
	"github.com/braid-cni/braid/trace"
)

// A Teardown is one collection of what DELs remove, and the doing of it.
type Teardown interface {
	plugin.Teardown
	// Flush removes what was handed over, links first. It blocks until they are gone or ctx is done.
	Flush(ctx context.Context) error
}

// Options are what a Delegator is made of.
type Options struct {
	// Builtins are the plugins that are built in, by type.
	Builtins map[string]plugin.Plugin
	// Runner finds and executes all other plugins.
	Runner invoke.Exec
	// Teardown makes the collection for one DEL.
	Teardown func() Teardown
	Sandbox  Sandbox
	// CacheDir is a folder on a tmpfs for libcni, which passes results from ADD to later verbs through files. What
	// counts is in the store: the folder may be empty at any time.
	CacheDir string
	// Observe is told of every attachment made (ADD) or taken away (DEL), with the first plugin of its chain; nil for
	// nobody.
	Observe func(command, network, plugin string, err error, took time.Duration)

	// soles are the configurations of chains of one plugin that is built in, by that of the chain.
	soles *memo.Memo[[]byte]
}

// A Delegator carries plans out. Its methods may be called from many goroutines, never twice at once for one container.
type Delegator struct {
	o       Options
	builtin []string
	lists   memo.Memo[*libcni.NetworkConfigList]
}

// New returns a Delegator.
func New(o Options) *Delegator {
	o.soles = new(memo.Memo[[]byte])
	return &Delegator{o: o, builtin: slices.Sorted(maps.Keys(o.Builtins))}
}

// Builtin are the types of the plugins that are built in, sorted; not to be changed.
func (d *Delegator) Builtin() []string { return d.builtin }

// list reads a stored configuration. What it returns is shared.
func (d *Delegator) list(config []byte) (*libcni.NetworkConfigList, error) {
	return d.lists.Of(config, func() (*libcni.NetworkConfigList, error) { return libcni.NetworkConfFromBytes(config) })
}

// undoWithin bounds the removal of what a failed ADD made, which goes on when the caller has given up.
const undoWithin = 30 * time.Second

// Add makes the attachments of a container in order and sets their results. Settle waits, later and for all of them, for what
// need not be waited for before, such as ports that are coming up: until it has returned nil nobody is to be told that the
// attachments are made. At the first failure Add takes away what was made, in reverse, and stops. Undone says whether nothing
// of the container is left in that case.
func (d *Delegator) Add(ctx context.Context, c *store.Container) (settle func(context.Context) error, undone bool, err error) {
	if c.Chained != nil {
		if err := d.drop(c.Netns, c.Chained); err != nil {
			return nil, true, fmt.Errorf("take the default route of %s away: %w", c.Chained.IfName, err)
		}
	}
	var all waits
	for i := range c.Attachments {
		if err := d.attach(ctx, c, i, all.add); err != nil {
			undone, err := d.undo(ctx, c, i+1, attachError(c, i, err))
			return nil, undone, err
		}
	}
	return all.settle, false, nil
}

// waits are what plugins left to be waited for.
type waits []func(context.Context) error

func (w *waits) add(wait func(context.Context) error) { *w = append(*w, wait) }

func (w *waits) settle(ctx context.Context) error {
	for _, wait := range *w {
		if err := wait(ctx); err != nil {
			return err
		}
	}
	return nil
}

func attachError(c *store.Container, i int, err error) error {
	return fmt.Errorf("attach network %q as %s: %w", c.Attachments[i].Network, c.Attachments[i].IfName, err)
}

// undo removes the first n attachments. DEL is owed for an ADD that failed too.
func (d *Delegator) undo(ctx context.Context, c *store.Container, n int, cause error) (bool, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoWithin)
	defer cancel()
	attempted := *c
	attempted.Attachments = c.Attachments[:n]
	if err := d.Del(ctx, &attempted, c.Netns); err != nil {
		return false, errors.Join(cause, fmt.Errorf("undo: %w", err))
	}
	return true, cause
}

// attach makes the attachment at i and settles the default routes.
func (d *Delegator) attach(ctx context.Context, c *store.Container, i int, later func(func(context.Context) error)) error {
	a := &c.Attachments[i]
	list, err := d.list(a.Config)
	if err != nil {
		return err
	}
	restore, err := d.setAside(c, i)
	if err != nil {
		return err
	}
	start := time.Now()
	steps := trace.From(ctx)
	steps.About(a.IfName)
	defer steps.About("")
	e := d.dispatcher(c, a)
	e.later = later
	a.Result, err = d.add(ctx, e, list, c, a)
	steps.Step("hand the result over")
	d.observe("ADD", a, list, err, start)
	if err != nil {
		return err
	}
	return d.routeDefault(c, i, restore)
}

// add carries one chain out and returns its result.
func (d *Delegator) add(ctx context.Context, e *dispatcher, list *libcni.NetworkConfigList, c *store.Container, a *store.Attachment) (json.RawMessage, error) {
	if s, ok := soleOf(e, list); ok {
		return s.add(ctx, c, a)
	}
	result, err := d.libcni(a, e).AddNetworkList(ctx, list, runtimeConf(c, a, c.Netns))
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(result)
	if err != nil {
		return nil, fmt.Errorf("encode the result: %w", err)
	}
	return raw, nil
}

// Del takes the attachments of a container away, the last one first, from what was stored of them. It goes on past
// failures and reports all of them. netns is where the sandbox is now, empty when it is gone. What is gone already is
// no error, so Del may be called again.
func (d *Delegator) Del(ctx context.Context, c *store.Container, netns string) error {
	teardown := d.o.Teardown()
	var failures []error
	for i := range slices.Backward(c.Attachments) {
		a := &c.Attachments[i]
		if err := d.detach(ctx, c, a, netns, teardown); err != nil {
			failures = append(failures, fmt.Errorf("detach network %q from %s: %w", a.Network, a.IfName, err))
		}
	}
	return errors.Join(append(failures, teardown.Flush(ctx))...)
}

func (d *Delegator) detach(ctx context.Context, c *store.Container, a *store.Attachment, netns string, t Teardown) error {
	list, err := d.list(a.Config)
	if err != nil {
		return err
	}
	start := time.Now()
	err = d.del(ctx, list, c, a, netns, t)
	d.observe("DEL", a, list, err, start)
	return err
}

func (d *Delegator) del(ctx context.Context, list *libcni.NetworkConfigList, c *store.Container, a *store.Attachment, netns string, t Teardown) error {
	e := d.dispatcher(c, a)
	e.teardown = t
	if s, ok := soleOf(e, list); ok {
		return s.del(ctx, c, a, netns)
	}
	if err := d.seedCache(list.Name, c, a); err != nil {
		return err
	}
	return d.libcni(a, e).DelNetworkList(ctx, list, runtimeConf(c, a, netns))
}

func (d *Delegator) observe(command string, a *store.Attachment, list *libcni.NetworkConfigList, err error, start time.Time) {
	if d.o.Observe != nil && len(list.Plugins) > 0 {
		d.o.Observe(command, a.Network, list.Plugins[0].Network.Type, err, time.Since(start))
	}
}

// Check asks every plugin of every attachment whether it is as its ADD left it, and reports all that is not.
func (d *Delegator) Check(ctx context.Context, c *store.Container) error {
	var failures []error
	for i := range c.Attachments {
		if err := d.check(ctx, c, &c.Attachments[i]); err != nil {
			failures = append(failures, fmt.Errorf("check network %q on %s: %w", c.Attachments[i].Network, c.Attachments[i].IfName, err))
		}
	}
	return errors.Join(failures...)
}

func (d *Delegator) check(ctx context.Context, c *store.Container, a *store.Attachment) error {
	list, err := d.list(a.Config)
	if err != nil {
		return err
	}
	e := d.dispatcher(c, a)
	if s, ok := soleOf(e, list); ok {
		return s.check(ctx, c, a)
	}
	if err := d.seedCache(list.Name, c, a); err != nil {
		return err
	}
	err = d.libcni(a, e).CheckNetworkList(ctx, list, runtimeConf(c, a, c.Netns))
	if errors.Is(err, libcni.ErrorCheckNotSupp) {
		return nil // a version before 0.4.0 has no CHECK
	}
	return err
}

// Status asks the plugins of a configuration list whether they can serve ADD. Lists before CNI 1.1 have no STATUS and
// count as ready.
func (d *Delegator) Status(ctx context.Context, config []byte, path []string, policy ipam.Policy) error {
	list, err := d.list(config)
	if err != nil {
		return err
	}
	return d.network(path, policy).GetStatusNetworkList(ctx, list)
}

// GC tells the plugins of a configuration list which attachments of that network still exist.
func (d *Delegator) GC(ctx context.Context, config []byte, path []string, policy ipam.Policy, valid []ipam.Attachment) error {
	list, err := d.list(config)
	if err != nil {
		return err
	}
	args := &libcni.GCArgs{ValidAttachments: make([]types.GCAttachment, 0, len(valid))}
	for _, v := range valid {
		args.ValidAttachments = append(args.ValidAttachments, types.GCAttachment{ContainerID: v.ContainerID, IfName: v.IfName})
	}
	return d.network(path, policy).GCNetworkList(ctx, list, args)
}

func (d *Delegator) dispatcher(c *store.Container, a *store.Attachment) *dispatcher {
	return &dispatcher{o: &d.o, policy: ipam.Policy(a.Builtins), container: c.ID, alias: alias(c, a)}
}

func (d *Delegator) libcni(a *store.Attachment, e *dispatcher) *libcni.CNIConfig {
	return libcni.NewCNIConfigWithCacheDir(a.Path, d.o.CacheDir, e)
}

// network is the libcni of verbs that concern no single attachment. Its cache is empty: libcni would send DELs of its
// own for whatever it finds there.
func (d *Delegator) network(path []string, policy ipam.Policy) *libcni.CNIConfig {
	return libcni.NewCNIConfigWithCacheDir(path, filepath.Join(d.o.CacheDir, "none"), &dispatcher{o: &d.o, policy: policy})
}

func runtimeConf(c *store.Container, a *store.Attachment, netns string) *libcni.RuntimeConf {
	capabilities := make(map[string]any, len(a.Capabilities))
	for name, value := range a.Capabilities {
		capabilities[name] = value
	}
	return &libcni.RuntimeConf{ContainerID: c.ID, NetNS: netns, IfName: a.IfName, Args: a.Args, CapabilityArgs: capabilities}
}

// alias is for people who look at the host's links: the pod, where there is one, else the container.
func alias(c *store.Container, a *store.Attachment) string {
	owner := c.Pod.String()
	if owner == "" {
		owner = c.ID
	}
	return owner + " " + a.IfName + " " + a.Network
}
