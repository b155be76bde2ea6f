package delegate

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/containernetworking/cni/libcni"
	"github.com/containernetworking/cni/pkg/utils"
	"github.com/containernetworking/cni/pkg/version"

	"github.com/braid-cni/braid/ipam"
	"github.com/braid-cni/braid/plugins/plugin"
	"github.com/braid-cni/braid/store"
)

// A sole is a chain of one plugin that is built in, which is what most networks are. It needs nothing of what libcni does for
// chains: to pass results on, through JSON and a file, takes as long as half of the kernel's work. What the plugin is called
// with is what libcni would call it with, and it is libcni that makes the configuration.
type sole struct {
	*dispatcher
	list   *libcni.NetworkConfigList
	plugin plugin.Plugin
}

// soleOf is false for every other chain.
func soleOf(e *dispatcher, list *libcni.NetworkConfigList) (sole, bool) {
	if len(list.Plugins) != 1 || e.policy == ipam.Never {
		return sole{}, false
	}
	p, builtin := e.o.Builtins[list.Plugins[0].Network.Type]
	return sole{e, list, p}, builtin
}

// add returns the result in the version of the configuration.
func (s sole) add(ctx context.Context, c *store.Container, a *store.Attachment) (json.RawMessage, error) {
	if err := utils.ValidateNetworkName(s.list.Name); err != nil {
		return nil, err
	}
	i, err := s.invocation("ADD", c, a, c.Netns, nil)
	if err != nil {
		return nil, err
	}
	result, err := call(inside(ctx, c.ID), s.plugin, i)
	if err != nil {
		return nil, s.failed("add", err)
	}
	return result, nil
}

// del tells the plugin what it answered to ADD, as CNI does since version 0.4.0.
func (s sole) del(ctx context.Context, c *store.Container, a *store.Attachment, netns string) error {
	prev := a.Result
	if told, err := version.GreaterThanOrEqualTo(s.list.CNIVersion, "0.4.0"); err != nil {
		return err
	} else if !told {
		prev = nil
	}
	i, err := s.invocation("DEL", c, a, netns, prev)
	if err != nil {
		return err
	}
	if _, err := call(inside(ctx, c.ID), s.plugin, i); err != nil {
		return s.failed("delete", err)
	}
	return nil
}

// check does nothing where the list says so, or is of a version that has no CHECK.
func (s sole) check(ctx context.Context, c *store.Container, a *store.Attachment) error {
	if has, err := version.GreaterThanOrEqualTo(s.list.CNIVersion, "0.4.0"); err != nil || !has || s.list.DisableCheck {
		return err
	}
	i, err := s.invocation("CHECK", c, a, c.Netns, a.Result)
	if err != nil {
		return err
	}
	_, err = call(inside(ctx, c.ID), s.plugin, i)
	return err
}

// failed words an error as libcni does.
func (s sole) failed(verb string, err error) error {
	return fmt.Errorf("plugin type=%q failed (%s): %w", s.list.Plugins[0].Network.Type, verb, err)
}

func (s sole) invocation(command string, c *store.Container, a *store.Attachment, netns string, prev json.RawMessage) (*invocation, error) {
	config, err := s.config(a, prev)
	if err != nil {
		return nil, err
	}
	return &invocation{
		environ: []string{
			"CNI_COMMAND=" + command, "CNI_CONTAINERID=" + c.ID, "CNI_NETNS=" + netns, "CNI_IFNAME=" + a.IfName,
			"CNI_ARGS=" + joinArgs(a.Args), "CNI_PATH=" + strings.Join(a.Path, ":"),
		},
		config: config, version: s.list.CNIVersion, alias: s.alias, teardown: s.teardown, later: s.later, builtinOnly: s.policy == ipam.Only,
	}, nil
}

// config is the plugin's own with what the list and the attachment add to it. That without anything of one attachment is the
// same for all pods of the network, and made once.
func (s sole) config(a *store.Attachment, prev json.RawMessage) ([]byte, error) {
	runtime := s.runtimeConfig(a)
	if prev == nil && len(runtime) == 0 {
		return s.o.soles.Of(s.list.Bytes, func() ([]byte, error) { return s.inject(nil, nil) })
	}
	return s.inject(runtime, prev)
}

func (s sole) inject(runtime map[string]any, prev json.RawMessage) ([]byte, error) {
	values := map[string]any{"name": s.list.Name, "cniVersion": s.list.CNIVersion}
	if len(runtime) > 0 {
		values["runtimeConfig"] = runtime
	}
	if prev != nil {
		values["prevResult"] = prev
	}
	made, err := libcni.InjectConf(s.list.Plugins[0], values)
	if err != nil {
		return nil, err
	}
	return withoutCapabilities(made.Bytes)
}

// runtimeConfig is what the plugin declares and the attachment has.
func (s sole) runtimeConfig(a *store.Attachment) map[string]any {
	values := map[string]any{}
	for name, declared := range s.list.Plugins[0].Network.Capabilities {
		if value, ok := a.Capabilities[name]; ok && declared {
			values[name] = value
		}
	}
	return values
}

func joinArgs(args [][2]string) string {
	entries := make([]string, len(args))
	for i, arg := range args {
		entries[i] = arg[0] + "=" + arg[1]
	}
	return strings.Join(entries, ";")
}
