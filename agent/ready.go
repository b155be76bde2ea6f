package agent

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/braid-cni/braid/delegate"
	"github.com/braid-cni/braid/ipam"
	"github.com/braid-cni/braid/netattach"
	"github.com/braid-cni/braid/wire"
)

// statusWithin bounds the agent's part of STATUS; the door waits a second.
const statusWithin = 800 * time.Millisecond

// status is STATUS: ready once the caches were in sync and the default network can be planned and says it is ready. It
// does not wait for anything.
func (a *Agent) status(ctx context.Context, r *wire.Request) error {
	if !a.View.Synced() {
		return invalid(codeNotAvailable, "the agent has not read the cluster yet: the API server may be out of reach")
	}
	config, _, err := netattach.ParseConfig(r.Config)
	if err != nil {
		return invalid(types.ErrInvalidNetworkConfig, err.Error())
	}
	ctx, cancel := context.WithTimeout(ctx, statusWithin)
	defer cancel()
	if err := a.defaultReady(ctx, r, config); err != nil {
		return err
	}
	return a.markReady()
}

func (a *Agent) defaultReady(ctx context.Context, r *wire.Request, config netattach.Config) error {
	in := netattach.Input{Config: config, IfName: "eth0"}
	if err := a.gather(ctx, &in); err != nil {
		return invalid(codeNotAvailable, err.Error())
	}
	plan, err := netattach.NewPlan(in)
	if err != nil {
		return invalid(codeNotAvailable, "the default network is not ready: "+err.Error())
	}
	if plan.Chained || len(plan.Attachments) == 0 {
		return nil
	}
	path := append(delegate.SplitPath(r.Path), config.BinDir)
	if err := a.Delegator.Status(ctx, plan.Attachments[0].Config, path, ipam.Policy(config.Builtins)); err != nil {
		return fmt.Errorf("the default network %q is not ready: %w", plan.Attachments[0].Network, err)
	}
	return nil
}

// markReady tells the door that the agent was ready now.
func (a *Agent) markReady() error {
	if err := os.MkdirAll(filepath.Dir(a.ReadyMark), 0o700); err != nil {
		return fmt.Errorf("leave the ready mark: %w", err)
	}
	if err := os.WriteFile(a.ReadyMark, nil, 0o600); err != nil {
		return fmt.Errorf("leave the ready mark: %w", err)
	}
	now := time.Now()
	return os.Chtimes(a.ReadyMark, now, now)
}
