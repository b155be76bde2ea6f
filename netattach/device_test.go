package netattach

import (
	"strings"
	"testing"
)

// Devices are given away in kubelet's order, each once, over all networks of the pod.
func TestDevices(t *testing.T) {
	in := scene{config: main, first: "a", networks: "a", nads: map[string]string{"ns/a": able}, resource: "vendor/vf"}.input(t)
	in.ContainerID = "c1"
	in.Devices = map[string][]string{"vendor/vf": {"0000:03:00.1", "0000:03:00.2"}}
	if !References(in).Devices {
		t.Error("the plan does not ask for devices")
	}
	p, err := NewPlan(in)
	if err != nil {
		t.Fatal(err)
	}
	for i, id := range in.Devices["vendor/vf"] {
		a := p.Attachments[i]
		checkText(t, string(a.Config), strings.NewReplacer(`{"type":"bridge"}`, `{"deviceID":"`+id+`","pciBusID":"`+id+`","type":"bridge"}`,
			`,"type":"all"`, `,"deviceID":"`+id+`","pciBusID":"`+id+`","type":"all"`).Replace(able1))
		checkText(t, string(a.CapabilityArgs[CapabilityDeviceID]), `"`+id+`"`)
		checkText(t, a.DeviceInfo.From, "/var/run/k8s.cni.cncf.io/devinfo/dp/vendor-vf-"+id+"-device.json")
	}
	checkText(t, p.Attachments[0].DeviceInfo.File, "/var/run/k8s.cni.cncf.io/devinfo/cni/ns-a-c1_eth0")
	checkText(t, p.Attachments[1].DeviceInfo.File, "/var/run/k8s.cni.cncf.io/devinfo/cni/ns-a-c1_net1")
}

func TestDevicesThatAreNotThePods(t *testing.T) {
	for _, test := range []struct {
		name, networks, resource string
		devices                  map[string][]string
		mistakes                 []string
	}{
		{name: "resource used up", networks: "a,a", resource: "vendor/vf", devices: map[string][]string{"vendor/vf": {"x"}},
			mistakes: []string{`network ns/a: kubelet allocated 1 devices of resource "vendor/vf" to the pod, and this is use 2: request one more`}},
		{name: "resource not requested", networks: "a", resource: "vendor/vf", mistakes: []string{"kubelet allocated 0 devices"}},
		{name: "allocated device is no file name", networks: "a", resource: "vendor/vf", devices: map[string][]string{"vendor/vf": {"../x"}},
			mistakes: []string{`network ns/a: device of resource "vendor/vf": "../x" is not a device`}},
		{name: "named and allocated", networks: `[{"name":"a","deviceID":"x"}]`, devices: map[string][]string{"vendor/vf": {"w", "x"}}},
		{name: "named and not allocated", networks: `[{"name":"a","deviceID":"x"}]`, devices: map[string][]string{"vendor/vf": {"w"}},
			mistakes: []string{`deviceID: kubelet did not allocate "x" to the pod`}},
		{name: "named with a resource, whose device counts", networks: `[{"name":"a","deviceID":"y"}]`, resource: "vendor/vf",
			devices: map[string][]string{"vendor/vf": {"x"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			in := scene{config: main, networks: test.networks, nads: map[string]string{"ns/a": able}, resource: test.resource}.input(t)
			in.Devices = test.devices
			_, err := NewPlan(in)
			checkMistakes(t, err, test.mistakes)
		})
	}
}

// A plugin that declares the capability gets a path of its own, with or without a device.
func TestDeviceInfoFile(t *testing.T) {
	config := `{"cniVersion":"1.1.0","type":"x","capabilities":{"CNIDeviceInfoFile":true}}`
	in := scene{config: main, networks: "a", nads: map[string]string{"ns/a": config}}.input(t)
	in.ContainerID = "c1"
	p, err := NewPlan(in)
	if err != nil {
		t.Fatal(err)
	}
	a := p.Attachments[1]
	checkText(t, string(a.CapabilityArgs[CapabilityDeviceInfo]), `"/var/run/k8s.cni.cncf.io/devinfo/cni/ns-a-c1_net1"`)
	checkText(t, a.DeviceInfo.From, "")
	if p.Attachments[0].DeviceInfo != nil {
		t.Errorf("the default network, which has no device, has %+v", p.Attachments[0].DeviceInfo)
	}
}
