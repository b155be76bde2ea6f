package netattach

import (
	"encoding/json"
	"path"
	"slices"
	"strings"
)

// CapabilityDeviceInfo is the capability of plugins that read or write a device information file (Device Information
// Specification 1.1, section 5.1.1).
const CapabilityDeviceInfo = "CNIDeviceInfoFile"

// Where device information lies: what device plugins wrote of a device, and what is known of an attachment's (Device
// Information Specification 1.1, sections 4.1 and 4.2).
const (
	devicePluginInfo = "/var/run/k8s.cni.cncf.io/devinfo/dp"
	attachmentInfo   = "/var/run/k8s.cni.cncf.io/devinfo/cni"
)

// A DeviceInfo names the device information files of an attachment, paths on the host.
type DeviceInfo struct {
	// File is the attachment's own, there from ADD to DEL (clause 70).
	File string `json:"file"`
	// From is the device plugin's, whose content File gets before the plugins are called, where it exists. It is empty
	// for an attachment without a device.
	From string `json:"from,omitempty"`
}

// device gives the attachment a device that kubelet allocated to the pod: for the resource of its NAD the next one of
// that resource, in the order of the networks. It is deviceID and pciBusID in every plugin's configuration and the
// capability argument deviceID, as Multus has it, and wins over a deviceID of the pod's element. Without a resource, such
// a deviceID must be one of the pod's devices: nobody else's may be named.
func (in *Input) device(w *want, a *Attachment, l *confList) {
	if a.ResourceName == "" {
		in.checkDevice(w, a)
		return
	}
	ids, used := in.Devices[a.ResourceName], in.used[a.ResourceName]
	if used >= len(ids) {
		w.at.add("network %s: kubelet allocated %d devices of resource %s to the pod, and this is use %d: request one more in the limits of a container",
			a.Network, len(ids), quote(a.ResourceName), used+1)
		return
	}
	in.used[a.ResourceName]++
	id := w.at.in("network %s: device of resource %s", a.Network, quote(a.ResourceName)).device(ids[used])
	for _, p := range l.plugins {
		p.setText("deviceID", id)
		p.setText("pciBusID", id)
	}
	a.setArg(CapabilityDeviceID, id)
	a.DeviceInfo = &DeviceInfo{From: path.Join(devicePluginInfo, flat(a.ResourceName+"-"+id)+"-device.json")}
}

// checkDevice looks for the device that the pod's element names among those of the pod.
func (in *Input) checkDevice(w *want, a *Attachment) {
	if w.pick == nil || w.pick.DeviceID == "" || in.Devices == nil || a.CapabilityArgs[CapabilityDeviceID] == nil {
		return
	}
	for _, ids := range in.Devices {
		if slices.Contains(ids, w.pick.DeviceID) {
			return
		}
	}
	w.at.add("deviceID: kubelet did not allocate %s to the pod: request a device in the limits of a container, and name its resource in the NetworkAttachmentDefinition's annotation %s",
		quote(w.pick.DeviceID), ResourceNameAnnotation)
}

// describe names the attachment's device information file, for those that have a device or a plugin that asks for one.
func (in *Input) describe(a *Attachment) {
	asks := slices.Contains(a.Capabilities, CapabilityDeviceInfo)
	if a.DeviceInfo == nil && !asks {
		return
	}
	if a.DeviceInfo == nil {
		a.DeviceInfo = &DeviceInfo{}
	}
	a.DeviceInfo.File = path.Join(attachmentInfo, flat(a.Network+"-"+in.ContainerID+"_"+a.IfName))
	if asks {
		a.setArg(CapabilityDeviceInfo, a.DeviceInfo.File)
	}
}

// flat makes one file name of a text that may hold slashes (Device Information Specification 1.1, section 4.1.1).
func flat(text string) string { return strings.ReplaceAll(text, "/", "-") }

func (a *Attachment) setArg(capability, value string) {
	if a.CapabilityArgs == nil {
		a.CapabilityArgs = map[string]json.RawMessage{}
	}
	a.CapabilityArgs[capability], _ = json.Marshal(value) // a string is always JSON
}

// needsDevices says whether a plan asks what kubelet allocated to the pod.
func (in *Input) needsDevices(list []want) bool {
	return in.Pod != nil && slices.ContainsFunc(list, func(w want) bool {
		nad := in.NADs[in.key(w.source)]
		return w.pick != nil && w.pick.DeviceID != "" || nad != nil && nad.Annotations[ResourceNameAnnotation] != ""
	})
}
