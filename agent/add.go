package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/types/create"

	"github.com/braid-cni/braid/cluster"
	"github.com/braid-cni/braid/delegate"
	"github.com/braid-cni/braid/ipam"
	"github.com/braid-cni/braid/kernel"
	"github.com/braid-cni/braid/netattach"
	"github.com/braid-cni/braid/store"
	"github.com/braid-cni/braid/together"
	"github.com/braid-cni/braid/trace"
	"github.com/braid-cni/braid/wire"
)

// add plans, writes the plan down, carries it out, writes the results down and answers with the default network's.
func (a *Agent) add(ctx context.Context, r *wire.Request) ([]byte, error) {
	steps := trace.From(ctx)
	config, warnings, err := a.configuration(r.Config)
	if err != nil {
		return nil, invalid(types.ErrInvalidNetworkConfig, err.Error())
	}
	for _, w := range warnings {
		a.Log.Warn("network configuration", "network", config.Name, "warning", w)
	}
	release, err := a.hold(ctx, r.ContainerID)
	if err != nil {
		return nil, err
	}
	defer release()
	if err := a.clean(ctx, r); err != nil {
		return nil, err
	}
	steps.Step("read the call")
	pod, err := a.pod(ctx, r.Args)
	if err != nil {
		return nil, err
	}
	steps.Step("find the pod")
	m, err := a.attach(ctx, r, config, pod)
	if err != nil {
		err = podError(pod, err)
		a.report(pod, cluster.Event{Warning: true, Reason: "NetworkAttachmentFailed", Message: err.Error()})
		return nil, err
	}
	if m.summary != "" {
		a.report(pod, cluster.Event{Reason: "AddedInterface", Message: m.summary})
	}
	return m.answer, nil
}

// A made is what came of an ADD: the runtime's answer, and a text for people, empty where there is nobody or nothing to tell.
type made struct {
	answer  []byte
	summary string
}

// A configured is what a network configuration says, with what is odd about it.
type configured struct {
	config   netattach.Config
	warnings []string
}

// configuration reads what the runtime sends, which is the same for most pods. What it returns is shared.
func (a *Agent) configuration(stdin []byte) (netattach.Config, []string, error) {
	c, err := a.configs.Of(stdin, func() (configured, error) {
		config, warnings, err := netattach.ParseConfig(stdin)
		return configured{config, warnings}, err
	})
	return c.config, c.warnings, err
}

// clean makes way for an ADD: what an ADD that never came to its end left is removed, one that did is an error.
func (a *Agent) clean(ctx context.Context, r *wire.Request) error {
	c, err := a.Store.Container(store.Key(r.ContainerID, r.IfName))
	if err != nil || c == nil {
		return err
	}
	if c.Attached && !c.Removing {
		return fmt.Errorf("container %s has %s already: DEL comes before another ADD", r.ContainerID, r.IfName)
	}
	if err := a.takeAway(ctx, c, a.netns(c.Netns)); err != nil {
		return fmt.Errorf("remove what an interrupted ADD left: %w", err)
	}
	return a.Store.Forget(c.Key())
}

// pod returns the pod that the runtime names in CNI_ARGS, nil when it names none.
func (a *Agent) pod(ctx context.Context, args string) (*cluster.Pod, error) {
	named := ipam.ParseArgs(args)
	if named["K8S_POD_NAME"] == "" {
		return nil, nil
	}
	pod, err := a.View.Pod(ctx, named["K8S_POD_NAMESPACE"], named["K8S_POD_NAME"], named["K8S_POD_UID"])
	if err != nil {
		return nil, fmt.Errorf("find the pod of the sandbox: %w: %w", errTryLater, err)
	}
	return pod, nil
}

// attach brings the container from a plan to committed results. When it fails, nothing is left, or the record says
// what may be.
func (a *Agent) attach(ctx context.Context, r *wire.Request, config netattach.Config, pod *cluster.Pod) (*made, error) {
	steps := trace.From(ctx)
	plan, err := a.plan(ctx, r, config, pod)
	if err != nil {
		return nil, err
	}
	steps.Step("plan")
	c := record(r, config, pod, plan)
	leave, err := a.intend(c)
	defer leave()
	if err != nil {
		return nil, err
	}
	steps.Step("intend")
	if err := a.describeDevices(plan); err != nil {
		return nil, a.forgetIf(true, c, err)
	}
	settle, undone, err := a.Delegator.Add(ctx, c)
	if err != nil {
		return nil, a.forgetIf(undone, c, err)
	}
	steps.Step("route")
	m, err := a.commit(ctx, config, plan, c, settle)
	if err != nil {
		undone := a.Delegator.Del(context.WithoutCancel(ctx), c, c.Netns) == nil
		return nil, a.forgetIf(undone, c, err)
	}
	steps.Step("commit")
	return m, nil
}

// intend writes the plan to disk, and looks at the sandbox meanwhile: nothing is changed before both are done. The sandbox is held
// until leave, so that all who open it on the way share it.
func (a *Agent) intend(c *store.Container) (leave func(), err error) {
	var refused error
	leave = func() {}
	together.Do(func() { err = a.Store.Intend(c) }, func() {
		// What is wrong with it, free says.
		if sandbox, err := a.Kernel.Open(c.Netns); err == nil {
			leave = func() { _ = sandbox.Close() }
		}
		refused = errors.Join(a.Delegator.Find(c), a.free(c))
	})
	if err == nil && refused != nil {
		err = a.Store.Forget(c.Key())
	}
	return leave, errors.Join(refused, err)
}

func (a *Agent) forgetIf(undone bool, c *store.Container, cause error) error {
	if !undone {
		return cause
	}
	if err := a.forgetDevices(c); err != nil {
		return errors.Join(cause, err)
	}
	return errors.Join(cause, a.Store.Forget(c.Key()))
}

// commit makes the results durable while the ports come up and the answer is written, and sees to the status.
func (a *Agent) commit(ctx context.Context, config netattach.Config, plan *netattach.Plan, c *store.Container, settle func(context.Context) error) (*made, error) {
	c.Attached, c.Published = true, c.Pod.Name == ""
	if !c.Published {
		status, err := a.statusOf(plan, c)
		if err != nil {
			return nil, err
		}
		c.Status = string(status)
	}
	m := new(made)
	var unwritten, unsettled, unanswered error
	together.Do(func() { unwritten = a.Store.Commit(c) }, func() {
		unsettled = settle(ctx)
		m.answer, unanswered = runtimeResult(config, plan, c)
		if !c.Published {
			m.summary = summary(c)
		}
	})
	if err := errors.Join(unwritten, unsettled, unanswered); err != nil {
		return nil, err
	}
	if config.StatusPublish == netattach.StatusSync {
		return m, a.Publisher.publish(ctx, c.Key())
	}
	a.Publisher.Publish(c.Key())
	return m, nil
}

// free fails when the sandbox is none, or has one of the interfaces already: a plugin that found it would fail, and its
// DEL would then remove what is not its own.
func (a *Agent) free(c *store.Container) error {
	var taken []error
	for _, attachment := range c.Attachments {
		exists, err := kernel.LinkExists(a.Kernel, c.Netns, attachment.IfName)
		if err != nil {
			return fmt.Errorf("%w", types.NewError(types.ErrInvalidNetNS, "CNI_NETNS: "+err.Error(), ""))
		}
		if exists {
			taken = append(taken, fmt.Errorf("network %q: the pod has an interface %s already", attachment.Network, attachment.IfName))
		}
	}
	return errors.Join(taken...)
}

// record writes a plan as it is stored.
func record(r *wire.Request, config netattach.Config, pod *cluster.Pod, plan *netattach.Plan) *store.Container {
	c := &store.Container{ID: r.ContainerID, IfName: r.IfName, Network: config.Name, Netns: r.Netns, Intended: time.Now().UTC()}
	if pod != nil {
		c.Pod = store.Pod{Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID}
	}
	if plan.Chained {
		c.Chained = &store.Attachment{
			Network: config.Name, IfName: r.IfName, Default: true, Result: config.PrevResult, DefaultRoutes: routes(plan.ChainedRoutes),
		}
	}
	path := pluginPath(r, config)
	for _, p := range plan.Attachments {
		at := store.Attachment{
			Network: p.Network, IfName: p.IfName, Default: p.Default, Config: p.Config, Capabilities: p.CapabilityArgs,
			Args: p.Args, Path: path, Builtins: string(config.Builtins), DefaultRoutes: routes(p.Routes),
		}
		if p.DeviceInfo != nil {
			at.DeviceInfo = p.DeviceInfo.File
		}
		c.Attachments = append(c.Attachments, at)
	}
	return c
}

// pluginPath are the folders of plugins: those of CNI_PATH, then the configuration's.
func pluginPath(r *wire.Request, config netattach.Config) []string {
	path := delegate.SplitPath(r.Path)
	if slices.Contains(path, config.BinDir) {
		return path
	}
	return append(path, config.BinDir)
}

func routes(r netattach.Routes) store.DefaultRoutes {
	return store.DefaultRoutes{Drop4: r.DropV4, Drop6: r.DropV6, Gateways: r.Gateways, Own: r.OwnGateways, YieldToOwn: r.DropOwner}
}

// statusOf is the value of the network-status annotation.
func (a *Agent) statusOf(plan *netattach.Plan, c *store.Container) ([]byte, error) {
	var list []netattach.Attached
	if c.Chained != nil {
		result, err := delegate.DecodeResult(c.Chained.Result)
		if err != nil {
			return nil, err
		}
		list = append(list, netattach.Attached{
			Attachment: netattach.Attachment{Default: true, Network: c.Chained.Network, Routes: plan.ChainedRoutes}, Result: result,
		})
	}
	for i, p := range plan.Attachments {
		result, err := delegate.DecodeResult(c.Attachments[i].Result)
		if err != nil {
			return nil, err
		}
		info, err := a.deviceInfo(&c.Attachments[i])
		if err != nil {
			return nil, err
		}
		list = append(list, netattach.Attached{Attachment: p, Result: result, DeviceInfo: info})
	}
	return netattach.Status(list)
}

// runtimeResult is what the runtime gets: the default network's result, in the version that it asked for.
func runtimeResult(config netattach.Config, plan *netattach.Plan, c *store.Container) ([]byte, error) {
	made := c.Chained // by the plugins before Braid, which may be all that there is
	if !plan.Chained {
		made = &c.Attachments[0]
	}
	if version, err := create.DecodeVersion(made.Result); err == nil && version == config.CNIVersion {
		return made.Result, nil
	}
	result, err := create.CreateFromBytes(made.Result)
	if err != nil {
		return nil, fmt.Errorf("read the result of the default network: %w", err)
	}
	converted, err := result.GetAsVersion(config.CNIVersion)
	if err != nil {
		return nil, fmt.Errorf("convert the result of the default network: %w", err)
	}
	return json.Marshal(converted)
}

// summary is the event's text: every interface with its network and addresses.
func summary(c *store.Container) string {
	var parts []string
	for _, a := range c.Attachments {
		text := a.IfName + " on " + a.Network
		if result, err := delegate.DecodeResult(a.Result); err == nil && len(result.IPs) > 0 {
			var ips []string
			for _, ip := range result.IPs {
				ips = append(ips, ip.Address.String())
			}
			text += " (" + strings.Join(ips, ", ") + ")"
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

func (a *Agent) report(pod *cluster.Pod, e cluster.Event) {
	if pod != nil {
		e.Message = oneLine(e.Message)
		a.View.Event(pod.Ref(), e)
	}
}

func podError(pod *cluster.Pod, err error) error {
	if pod == nil {
		return err
	}
	return fmt.Errorf("pod %s/%s: %w", pod.Namespace, pod.Name, err)
}
