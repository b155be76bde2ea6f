package agent

import (
	"context"
	"errors"
	"fmt"

	netv1 "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"

	"github.com/braid-cni/braid/agent/devinfo"
	"github.com/braid-cni/braid/netattach"
	"github.com/braid-cni/braid/store"
)

// Devices knows what kubelet allocated. The method returns the IDs of a pod's devices by resource, in the order in which
// they are to be given to attachments.
type Devices interface {
	Devices(ctx context.Context, namespace, name string) (map[string][]string, error)
}

// allocated fetches the pod's devices for a plan that asks for them.
func (a *Agent) allocated(ctx context.Context, in *netattach.Input) error {
	if a.Devices == nil || in.Devices != nil || in.Pod == nil {
		return nil
	}
	devices, err := a.Devices.Devices(ctx, in.Pod.Namespace, in.Pod.Name)
	if err != nil {
		return fmt.Errorf("%w: %w", errTryLater, err)
	}
	in.Devices = devices
	return nil
}

// describeDevices makes the device information files that plugins find (clause 70).
func (a *Agent) describeDevices(plan *netattach.Plan) error {
	for _, p := range plan.Attachments {
		if p.DeviceInfo == nil {
			continue
		}
		if err := devinfo.Prepare(a.Root, p.DeviceInfo.File, p.DeviceInfo.From); err != nil {
			return fmt.Errorf("network %q: %w", p.Network, err)
		}
	}
	return nil
}

// deviceInfo is what is known of the attachment's device after its plugins ran (clause 71).
func (a *Agent) deviceInfo(at *store.Attachment) (*netv1.DeviceInfo, error) {
	if at.DeviceInfo == "" {
		return nil, nil
	}
	return devinfo.Read(a.Root, at.DeviceInfo)
}

// takeAway removes the attachments of a container, and then what is known of their devices.
func (a *Agent) takeAway(ctx context.Context, c *store.Container, netns string) error {
	if err := a.Delegator.Del(ctx, c, netns); err != nil {
		return err
	}
	return a.forgetDevices(c)
}

func (a *Agent) forgetDevices(c *store.Container) error {
	var failures []error
	for _, at := range c.Attachments {
		if at.DeviceInfo != "" {
			failures = append(failures, devinfo.Remove(a.Root, at.DeviceInfo))
		}
	}
	return errors.Join(failures...)
}
