package delegate

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/containernetworking/cni/pkg/invoke"
	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/version"

	"github.com/braid-cni/braid/ipam"
	"github.com/braid-cni/braid/plugins/plugin"
)

// builtinPrefix marks the "path" of a plugin that is built in.
const builtinPrefix = "builtin:"

// A dispatcher is the invoke.Exec that libcni gets for one operation: it calls plugins that are built in and leaves the
// others to the runner.
type dispatcher struct {
	o         *Options
	policy    ipam.Policy
	container string
	alias     string
	teardown  plugin.Teardown
	later     func(func(context.Context) error)
}

var _ invoke.Exec = (*dispatcher)(nil)

// FindInPath decides between the built-in plugin and a binary of the same name.
func (d *dispatcher) FindInPath(typ string, path []string) (string, error) {
	_, builtin := d.o.Builtins[typ]
	switch {
	case builtin && d.policy != ipam.Never:
		return builtinPrefix + typ, nil
	case d.policy == ipam.Only:
		return "", fmt.Errorf("plugin %q is not built in, and \"builtins\": \"only\" forbids to execute one", typ)
	}
	return d.o.Runner.FindInPath(typ, path)
}

// ExecPlugin carries one verb out.
func (d *dispatcher) ExecPlugin(ctx context.Context, path string, stdin []byte, environ []string) ([]byte, error) {
	ctx = inside(ctx, d.container)
	stdin, err := withoutCapabilities(stdin)
	if err != nil {
		return nil, err
	}
	typ, builtin := strings.CutPrefix(path, builtinPrefix)
	if !builtin {
		return d.o.Runner.ExecPlugin(ctx, path, stdin, environ)
	}
	return call(ctx, d.o.Builtins[typ], &invocation{
		environ: environ, config: stdin, alias: d.alias, teardown: d.teardown, later: d.later, builtinOnly: d.policy == ipam.Only,
	})
}

// withoutCapabilities removes what a plugin declares from what it is sent: it is for the runtime (CNI spec 1.1, section 3),
// and libcni leaves it in.
func withoutCapabilities(config []byte) ([]byte, error) {
	if !bytes.Contains(config, []byte(`"capabilities"`)) {
		return config, nil
	}
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(config, &keys); err != nil {
		return nil, types.NewError(types.ErrDecodingFailure, "read the network configuration", err.Error())
	}
	delete(keys, "capabilities")
	return json.Marshal(keys)
}

// Decode reads an answer to VERSION.
func (d *dispatcher) Decode(answer []byte) (version.PluginInfo, error) {
	return (&version.PluginDecoder{}).Decode(answer)
}

// An invocation is one call of a built-in plugin as libcni makes it: CNI_ variables and a configuration.
type invocation struct {
	environ []string
	config  []byte
	// version is that of the configuration, where it is known.
	version  string
	alias    string
	teardown plugin.Teardown
	later    func(func(context.Context) error)
	// builtinOnly keeps the folders of CNI_PATH from the plugin: what it delegates to must be built in as well.
	builtinOnly bool
}

func call(ctx context.Context, p plugin.Plugin, i *invocation) ([]byte, error) {
	switch command := i.get("CNI_COMMAND"); command {
	case "ADD":
		return add(ctx, p, i)
	case "CHECK":
		return nil, p.Check(ctx, i.request())
	case "DEL":
		return nil, p.Del(ctx, i.request())
	case "GC":
		valid, err := ValidAttachments(i.config)
		if err != nil {
			return nil, err
		}
		return nil, p.GC(ctx, &plugin.GCRequest{Path: i.path(), Config: i.config, Valid: valid})
	case "STATUS":
		return nil, p.Status(ctx, &plugin.StatusRequest{Path: i.path(), Config: i.config})
	default:
		return nil, types.NewError(types.ErrInvalidEnvironmentVariables, fmt.Sprintf("CNI_COMMAND=%q is none of a plugin's", command), "")
	}
}

// add returns the result in the version of the configuration.
func add(ctx context.Context, p plugin.Plugin, i *invocation) ([]byte, error) {
	result, err := p.Add(ctx, i.request())
	if err != nil {
		return nil, err
	}
	version, err := i.cniVersion()
	if err != nil {
		return nil, err
	}
	converted, err := result.GetAsVersion(version)
	if err != nil {
		return nil, types.NewError(types.ErrIncompatibleCNIVersion, fmt.Sprintf("cniVersion %q", version), err.Error())
	}
	return json.Marshal(converted)
}

func (i *invocation) cniVersion() (string, error) {
	if i.version != "" {
		return i.version, nil
	}
	var conf types.PluginConf
	if err := json.Unmarshal(i.config, &conf); err != nil {
		return "", types.NewError(types.ErrDecodingFailure, "read the network configuration", err.Error())
	}
	return conf.CNIVersion, nil
}

func (i *invocation) request() *plugin.Request {
	return &plugin.Request{
		ContainerID: i.get("CNI_CONTAINERID"), Netns: i.get("CNI_NETNS"), IfName: i.get("CNI_IFNAME"), Args: i.get("CNI_ARGS"),
		Path: i.path(), Config: i.config, Alias: i.alias, Teardown: i.teardown, Later: i.later,
	}
}

func (i *invocation) path() []string {
	if i.builtinOnly {
		return nil
	}
	return SplitPath(i.get("CNI_PATH"))
}

// get returns the last value, which is the one that an executed plugin would see.
func (i *invocation) get(name string) string {
	for _, entry := range slices.Backward(i.environ) {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
}

// SplitPath splits CNI_PATH into its folders.
func SplitPath(path string) []string {
	return slices.DeleteFunc(strings.Split(path, string(os.PathListSeparator)), func(dir string) bool { return dir == "" })
}

// ValidAttachments reads the list of existing attachments from the configuration of a GC call. An absent list is a
// refusal: taken for an empty one it would remove everything. libcni v1.3 also writes the key under an older name.
func ValidAttachments(config []byte) ([]ipam.Attachment, error) {
	var keys struct {
		Valid  *[]types.GCAttachment `json:"cni.dev/valid-attachments"`
		Former *[]types.GCAttachment `json:"cni.dev/attachments"`
	}
	if err := json.Unmarshal(config, &keys); err != nil {
		return nil, types.NewError(types.ErrDecodingFailure, "read the list of valid attachments", err.Error())
	}
	list := keys.Valid
	if list == nil {
		list = keys.Former
	}
	if list == nil {
		return nil, types.NewError(types.ErrInvalidNetworkConfig, "GC without cni.dev/valid-attachments is refused", "an empty list says that no attachment is left")
	}
	valid := make([]ipam.Attachment, 0, len(*list))
	for _, a := range *list {
		valid = append(valid, ipam.Attachment{ContainerID: a.ContainerID, IfName: a.IfName})
	}
	return valid, nil
}
