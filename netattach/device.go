package netattach

import (
	"encoding/json"
	"fmt"
)

// WithDevice returns the attachment with the device that the kubelet allocated to the pod for its NAD's ResourceName:
// as deviceID and pciBusID in every plugin's configuration and as the capability argument deviceID, as Multus does. It
// wins over a deviceID of the pod's element. The receiver stays as it is.
func (a Attachment) WithDevice(id string) (Attachment, error) {
	r := newReport()
	r.in("network %s: device of resource %s", a.Network, quote(a.ResourceName)).device(id)
	l, err := parseConfList(a.Config)
	if err != nil {
		r.add("add device to network %s: %w", a.Network, err)
	}
	if err := r.err(); err != nil {
		return Attachment{}, err
	}
	for _, p := range l.plugins {
		p.setText("deviceID", id)
		p.setText("pciBusID", id)
	}
	a.Config = l.encode()
	args := map[string]json.RawMessage{CapabilityDeviceID: json.RawMessage(fmt.Sprintf("%q", id))}
	for name, arg := range a.CapabilityArgs {
		if name != CapabilityDeviceID {
			args[name] = arg
		}
	}
	a.CapabilityArgs = args
	return a, nil
}
