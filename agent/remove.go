package agent

import (
	"context"
	"errors"
	"fmt"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/braid-cni/braid/kernel"
	"github.com/braid-cni/braid/netattach"
	"github.com/braid-cni/braid/store"
	"github.com/braid-cni/braid/wire"
)

// del takes away what is stored of the container. It needs neither the pod nor its networks, nor a configuration that
// is still valid. A container that is not stored, and was not attached before Braid came, has nothing left.
func (a *Agent) del(ctx context.Context, r *wire.Request) error {
	release, err := a.hold(ctx, r.ContainerID)
	if err != nil {
		return err
	}
	defer release()
	c, err := a.Store.Container(store.Key(r.ContainerID, r.IfName))
	if err != nil {
		return err
	}
	if c == nil {
		return a.removeInherited(ctx, r)
	}
	return a.remove(ctx, c, a.netns(r.Netns))
}

// removeInherited takes a container away that was attached before Braid came, from what those who did it left.
func (a *Agent) removeInherited(ctx context.Context, r *wire.Request) error {
	config, _, _ := netattach.ParseConfig(r.Config) // with mistakes in it, there is CNI_PATH still
	h := a.inherit(r, config)
	if h == nil {
		return nil
	}
	if err := a.Delegator.Del(ctx, h.container, a.netns(r.Netns)); err != nil {
		return fmt.Errorf("remove what was attached before Braid came: %w", err)
	}
	return a.disinherit(h)
}

// remove takes a container away and forgets it when nothing is left. What fails is tried again by the runtime, and by the
// Remover.
func (a *Agent) remove(ctx context.Context, c *store.Container, netns string) error {
	if err := a.takeAway(ctx, c, netns); err != nil {
		err = errors.Join(podRecordError(c, err), a.Store.Removing(c.Key()))
		if a.removeLater != nil {
			a.removeLater(c.Key())
		}
		return err
	}
	return a.Store.Forget(c.Key())
}

// netns returns the path while it is a network namespace, else nothing: plugins then do what can be done without.
func (a *Agent) netns(path string) string {
	if path == "" {
		return ""
	}
	ns, err := a.Kernel.Open(path)
	if err != nil {
		return ""
	}
	ns.Close()
	return path
}

// check compares every attachment of the container with what ADD made.
func (a *Agent) check(ctx context.Context, r *wire.Request) error {
	release, err := a.hold(ctx, r.ContainerID)
	if err != nil {
		return err
	}
	defer release()
	c, err := a.Store.Container(store.Key(r.ContainerID, r.IfName))
	if err != nil {
		return err
	}
	if c == nil || !c.Attached {
		return invalid(types.ErrUnknownContainer, fmt.Sprintf("container %s has no %s from Braid", r.ContainerID, r.IfName))
	}
	if a.netns(c.Netns) == "" {
		return fmt.Errorf("check container %s: %s: %w", c.ID, c.Netns, kernel.ErrNoNetns)
	}
	if err := a.Delegator.Check(ctx, c); err != nil {
		return podRecordError(c, err)
	}
	return nil
}

func podRecordError(c *store.Container, err error) error {
	if pod := c.Pod.String(); pod != "" {
		return fmt.Errorf("pod %s: %w", pod, err)
	}
	return err
}

// drop removes the containers that the runtime does not know any more.
func (a *Agent) drop(ctx context.Context, containers []*store.Container) error {
	var failures []error
	for _, c := range containers {
		if err := a.remove(ctx, c, a.netns(c.Netns)); err != nil {
			failures = append(failures, err)
			continue
		}
		a.Metrics.collected.Inc()
	}
	return errors.Join(failures...)
}
