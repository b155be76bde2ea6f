package ipam

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/containernetworking/cni/pkg/invoke"
	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/containernetworking/cni/pkg/version"
)

const (
	// execTimeout bounds one call of a binary when the caller's context does not do so earlier.
	execTimeout = time.Minute
	// undoTimeout bounds the DEL after a failed ADD, which runs although the caller's time may be over.
	undoTimeout = 30 * time.Second
)

// searchPath is the PATH that a binary gets. The rest of our environment is the agent's and none of its business.
const searchPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// environment is invoke.Args without what invoke.Args adds from the environment of this process.
type environment invoke.Args

// AsEnv implements invoke.CNIArgs.
func (e *environment) AsEnv() []string {
	return []string{
		searchPath,
		"CNI_COMMAND=" + e.Command,
		"CNI_CONTAINERID=" + e.ContainerID,
		"CNI_NETNS=" + e.NetNS,
		"CNI_ARGS=" + e.PluginArgsStr,
		"CNI_IFNAME=" + e.IfName,
		"CNI_PATH=" + e.Path,
	}
}

// executed is a Driver that runs an IPAM plugin binary.
type executed struct {
	typ  string
	exec invoke.Exec
}

// Add runs ADD, and DEL when that fails, as CNI spec 1.1 section 4 asks of who delegates.
func (d *executed) Add(ctx context.Context, r *Request) (*current.Result, error) {
	path, err := d.find(r.Path)
	if err != nil {
		return nil, err
	}
	result, err := d.add(ctx, path, r)
	if err == nil {
		return result, nil
	}
	undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
	defer cancel()
	return nil, errors.Join(err, d.run(undo, path, "DEL", r))
}

// add runs ADD and reads its result.
func (d *executed) add(ctx context.Context, path string, r *Request) (*current.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, execTimeout)
	defer cancel()
	raw, err := invoke.ExecPluginWithResult(ctx, path, r.Config, env("ADD", r), d.exec)
	if err != nil {
		return nil, fmt.Errorf("run ADD of IPAM plugin %q: %w", d.typ, err)
	}
	result, err := current.NewResultFromResult(raw)
	if err != nil {
		return nil, Errorf(types.ErrDecodingFailure, "read the ADD result of IPAM plugin %q: %w", d.typ, err)
	}
	// An IPAM result that names interfaces breaks the specification, and its indices would point into ours.
	result.Interfaces = nil
	for _, ip := range result.IPs {
		ip.Interface = nil
	}
	return result, nil
}

// Check runs CHECK, which configurations below 0.4.0 do not know.
func (d *executed) Check(ctx context.Context, r *Request) error {
	return d.since(ctx, "0.4.0", "CHECK", r)
}

// Del runs DEL.
func (d *executed) Del(ctx context.Context, r *Request) error {
	return d.since(ctx, "0.1.0", "DEL", r)
}

// GC runs GC, which configurations below 1.1.0 do not know, with r.Valid as the valid attachments.
func (d *executed) GC(ctx context.Context, r *GCRequest) error {
	config, err := withValid(r.Config, r.Valid)
	if err != nil {
		return err
	}
	return d.since(ctx, "1.1.0", "GC", &Request{Path: r.Path, Config: config})
}

// Status runs STATUS, which configurations below 1.1.0 do not know.
func (d *executed) Status(ctx context.Context, r *StatusRequest) error {
	return d.since(ctx, "1.1.0", "STATUS", &Request{Path: r.Path, Config: r.Config})
}

// since runs a command that answers with no result, unless the configuration is older than the command is.
func (d *executed) since(ctx context.Context, oldest, command string, r *Request) error {
	decoder := version.ConfigDecoder{}
	configured, err := decoder.Decode(r.Config)
	if err != nil {
		return Errorf(types.ErrDecodingFailure, "read the cniVersion for IPAM plugin %q: %w", d.typ, err)
	}
	known, err := version.GreaterThanOrEqualTo(configured, oldest)
	if err != nil {
		return Errorf(types.ErrIncompatibleCNIVersion, "read the cniVersion for IPAM plugin %q: %w", d.typ, err)
	}
	if !known {
		return nil
	}
	path, err := d.find(r.Path)
	if err != nil {
		return err
	}
	return d.run(ctx, path, command, r)
}

// run executes one command that answers with no result.
func (d *executed) run(ctx context.Context, path, command string, r *Request) error {
	ctx, cancel := context.WithTimeout(ctx, execTimeout)
	defer cancel()
	if err := invoke.ExecPluginWithoutResult(ctx, path, r.Config, env(command, r), d.exec); err != nil {
		return fmt.Errorf("run %s of IPAM plugin %q: %w", command, d.typ, err)
	}
	return nil
}

// find looks the binary up in CNI_PATH.
func (d *executed) find(folders []string) (string, error) {
	path, err := d.exec.FindInPath(d.typ, folders)
	if err != nil {
		return "", Errorf(types.ErrInvalidNetworkConfig,
			"find IPAM plugin %q, which is not built in: %w: install it there or mend ipam.type", d.typ, err)
	}
	return path, nil
}

// env is the environment of one command.
func env(command string, r *Request) invoke.CNIArgs {
	return &environment{
		Command:       command,
		ContainerID:   r.ContainerID,
		NetNS:         r.Netns,
		PluginArgsStr: r.Args,
		IfName:        r.IfName,
		Path:          strings.Join(r.Path, string(os.PathListSeparator)),
	}
}

// withValid puts the valid attachments into a configuration and leaves every other byte of its values alone. No
// attachments are written as [], because an absent key means something else.
func withValid(config []byte, valid []Attachment) ([]byte, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(config, &fields); err != nil {
		return nil, Errorf(types.ErrDecodingFailure, "read the configuration for GC: %w", err)
	}
	list := make([]types.GCAttachment, len(valid))
	for i, a := range valid {
		list[i] = types.GCAttachment{ContainerID: a.ContainerID, IfName: a.IfName}
	}
	raw, err := json.Marshal(list)
	if err != nil {
		return nil, fmt.Errorf("write the valid attachments for GC: %w", err)
	}
	// libcni also sends the list under the second, misspelled key, and plugins exist that read only that.
	fields["cni.dev/valid-attachments"], fields["cni.dev/attachments"] = raw, raw
	return json.Marshal(fields)
}
