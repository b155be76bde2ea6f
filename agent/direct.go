package agent

import (
	"context"

	"github.com/braid-cni/braid/delegate"
	"github.com/braid-cni/braid/wire"
)

// direct carries out a call of one built-in plugin that a runtime or another CNI makes. Calls for one container follow each
// other: the DEL after an ADD that was broken off must find what that made. A plugin that the agent itself executes calls
// while its container is held already, and the lists of GC are not the agent's.
func (a *Agent) direct(ctx context.Context, typ string, r *wire.Request) ([]byte, error) {
	if r.Inside == "" && r.Command != "GC" && r.Command != "STATUS" {
		release, err := a.hold(ctx, r.ContainerID)
		if err != nil {
			return nil, err
		}
		defer release()
	}
	return a.Delegator.Direct(ctx, typ, delegate.Call{
		Command: r.Command, ContainerID: r.ContainerID, Netns: r.Netns, IfName: r.IfName, Args: r.Args, Path: r.Path, Config: r.Config,
	})
}
