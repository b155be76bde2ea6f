package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/utils"

	"github.com/braid-cni/braid/cluster"
	"github.com/braid-cni/braid/delegate"
	"github.com/braid-cni/braid/ipam"
	"github.com/braid-cni/braid/kernel"
	"github.com/braid-cni/braid/memo"
	"github.com/braid-cni/braid/netattach"
	"github.com/braid-cni/braid/store"
	"github.com/braid-cni/braid/wire"
)

// An Agent carries out CNI calls. It is the Handler of the Server.
type Agent struct {
	Store     *store.Store
	View      cluster.View
	Kernel    kernel.Kernel
	Delegator *delegate.Delegator
	Publisher *Publisher
	Metrics   *Metrics
	Log       *slog.Logger
	// Devices is kubelet; nil on a machine without one.
	Devices Devices
	// Drivers are the built-in sources of addresses, by type; those that are an ipam.Counter are asked what is given.
	Drivers map[string]ipam.Driver
	// ConfList installs the CNI configuration; nil where the agent installs none.
	ConfList *ConfList
	// Node is the node's name and Version the agent's, for those who ask; they may be empty.
	Node, Version string
	// Root is the host's root, "/" outside a container.
	Root string
	// ReadyMark is touched whenever STATUS is answered with success; see wire.ReadyMark.
	ReadyMark string

	// removeLater hands a failed DEL to the Remover; nil without one.
	removeLater func(key string)

	configs   memo.Memo[configured]
	versions  memo.Memo[string]
	known     netattach.Known
	locks     containerLocks
	readiness readiness
	// gc is held for writing by GC, which must not run beside an ADD or DEL (CNI spec 1.1, GC).
	gc sync.RWMutex

	mu      sync.Mutex
	history history
	traces  traces
}

var _ Handler = (*Agent)(nil)

// Handle carries out one call and never fails: a failure is an answer.
func (a *Agent) Handle(ctx context.Context, r *wire.Request) *wire.Response {
	start := time.Now()
	log := a.Log.With("command", oneLine(r.Command), "container", oneLine(r.ContainerID), "interface", oneLine(r.IfName))
	output, err := a.survive(ctx, r)
	a.Metrics.call(r.Command, err, time.Since(start))
	if err != nil {
		log.Error("call failed", "program", r.Program, "took", time.Since(start), "error", err)
		return failure(versionOf(r.Config), err)
	}
	log.Debug("call done", "program", r.Program, "took", time.Since(start))
	return &wire.Response{Version: wire.Version, Output: output}
}

// survive makes an error of a panic: a mistake of Braid's own in one call must not end those of all other pods.
func (a *Agent) survive(ctx context.Context, r *wire.Request) (output []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			a.Log.Error("a call panicked", "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("%w: %v", errOwn, p)
		}
	}()
	return a.dispatch(ctx, r)
}

func (a *Agent) dispatch(ctx context.Context, r *wire.Request) ([]byte, error) {
	if err := a.admit(r); err != nil {
		return nil, err
	}
	if answer := a.questions()[r.Command]; answer != nil {
		return answer(ctx, r)
	}
	if typ, ok := strings.CutPrefix(r.Program, "braid-"); ok {
		return a.direct(ctx, typ, r)
	}
	if r.Inside != "" && r.Inside == r.ContainerID {
		return nil, invalid(types.ErrInvalidNetworkConfig, fmt.Sprintf(
			"braid was called for container %s from within its own call: a network of the pod names braid as a plugin; remove it there", r.ContainerID))
	}
	output, err := a.carryOut(ctx, r)
	a.remember(r, err)
	return output, err
}

// questions are what braidctl asks, beside the calls of CNI.
func (a *Agent) questions() map[string]func(context.Context, *wire.Request) ([]byte, error) {
	return map[string]func(context.Context, *wire.Request) ([]byte, error){
		wire.Inspect: a.inspect, wire.InspectNode: a.inspectNode, wire.InspectNetwork: a.inspectNetwork, wire.InspectTrace: a.inspectTrace,
	}
}

// carryOut does what a runtime asks for.
func (a *Agent) carryOut(ctx context.Context, r *wire.Request) ([]byte, error) {
	switch r.Command {
	case "ADD":
		return a.tracedAdd(ctx, r)
	case "DEL":
		return nil, a.del(ctx, r)
	case "CHECK":
		return nil, a.check(ctx, r)
	case "STATUS":
		return nil, a.status(ctx, r)
	case "GC":
		return nil, a.collect(ctx, r)
	}
	return nil, invalid(types.ErrInvalidEnvironmentVariables, fmt.Sprintf("CNI_COMMAND=%q is not a command", r.Command))
}

// admit refuses what could not be a call of this version, before anything of it is used.
func (a *Agent) admit(r *wire.Request) error {
	if r.Version != wire.Version && r.Version != wire.Version-1 {
		return fmt.Errorf("the braid binary speaks version %d of the agent's protocol, this agent %d: update the older one", r.Version, wire.Version)
	}
	if slices.Contains(wire.Questions(), r.Command) {
		return nil
	}
	version, err := a.versions.Of(r.Config, func() (string, error) { return decodeVersion(r.Config) })
	if err != nil {
		return types.NewError(types.ErrDecodingFailure, "the network configuration is not JSON", "")
	}
	if !slices.Contains(wire.CNIVersions(), version) {
		return invalid(types.ErrIncompatibleCNIVersion, fmt.Sprintf("cniVersion %q is not supported: use one of %s",
			version, strings.Join(wire.CNIVersions(), ", ")))
	}
	if since := map[string]string{"CHECK": "0.4.0", "STATUS": "1.1.0", "GC": "1.1.0"}[r.Command]; since != "" && versionLess(version, since) {
		return invalid(types.ErrIncompatibleCNIVersion, fmt.Sprintf("cniVersion %q has no %s: use %s or newer", version, r.Command, since))
	}
	if r.Command == "GC" || r.Command == "STATUS" {
		return nil
	}
	if err := utils.ValidateContainerID(r.ContainerID); err != nil {
		return invalid(types.ErrInvalidEnvironmentVariables, fmt.Sprintf("CNI_CONTAINERID=%q: %s", r.ContainerID, err.Msg))
	}
	if err := utils.ValidateInterfaceName(r.IfName); err != nil {
		return invalid(types.ErrInvalidEnvironmentVariables, fmt.Sprintf("CNI_IFNAME=%q: %s", r.IfName, err.Msg))
	}
	return nil
}

// versionOf is the cniVersion of a configuration, whatever else is wrong in it.
func versionOf(config []byte) string {
	version, _ := decodeVersion(config)
	return version
}

// decodeVersion takes an absent version for 0.1.0 (CNI spec), and fails for what is no JSON.
func decodeVersion(config []byte) (string, error) {
	var conf struct {
		CNIVersion string `json:"cniVersion"`
	}
	err := json.Unmarshal(config, &conf)
	var syntax *json.SyntaxError
	if err != nil || conf.CNIVersion == "" {
		conf.CNIVersion = "0.1.0"
	}
	if errors.As(err, &syntax) {
		return conf.CNIVersion, err
	}
	return conf.CNIVersion, nil
}

// versionLess compares two versions that Braid answers.
func versionLess(a, b string) bool {
	return slices.Index(wire.CNIVersions(), a) < slices.Index(wire.CNIVersions(), b)
}

// hold keeps other calls for this container, and GC, away until release is called.
func (a *Agent) hold(ctx context.Context, container string) (release func(), err error) {
	a.gc.RLock()
	unlock, err := a.locks.lock(ctx, container)
	if err != nil {
		a.gc.RUnlock()
		return nil, err
	}
	return func() { unlock(); a.gc.RUnlock() }, nil
}
