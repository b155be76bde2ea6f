package agent

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/braid-cni/braid/store"
)

// kubelet is what a pod was allocated, or why that cannot be known.
type kubelet struct {
	devices map[string][]string
	err     error
}

func (k kubelet) Devices(context.Context, string, string) (map[string][]string, error) {
	return k.devices, k.err
}

const (
	dpInfo  = "/var/run/k8s.cni.cncf.io/devinfo/dp/vendor-vf-0000:03:00.1-device.json"
	cniInfo = "/var/run/k8s.cni.cncf.io/devinfo/cni/default-vf-c1_net1"
	vfInfo  = `{"type":"pci","version":"1.1.0","pci":{"pci-address":"0000:03:00.1"}}`
)

// withDevice gives the node a NAD of a resource, a pod that has a device of it, and a root of its own for files.
func (n *node) withDevice(t *testing.T, info string) {
	t.Helper()
	n.Root, n.Devices = t.TempDir(), kubelet{devices: map[string][]string{"vendor/vf": {"0000:03:00.1"}}}
	config := strings.Replace(n.network("br-vf", "10.2.0.0/24", ""), `"type":"bridge"`, `"type":"bridge","capabilities":{"CNIDeviceInfoFile":true}`, 1)
	n.apply(t, "nad-vf.yaml", `
kind: NetworkAttachmentDefinition
metadata: {name: vf, annotations: {k8s.v1.cni.cncf.io/resourceName: vendor/vf}}
spec: {config: '`+config+`'}`)
	n.pod(t, "pod", "vf")
	if info == "" {
		return
	}
	file := filepath.Join(n.Root, dpInfo)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(info), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Clauses 53, 70 and 71: from ADD to DEL the device plugin's file is the attachment's too, and the status has what is in it.
func TestDevice(t *testing.T) {
	eachNode(t, func(t *testing.T, n *node) {
		n.withDevice(t, vfInfo)
		sandbox := n.world.Netns(t)
		n.mustCall(t, "ADD", "c1", sandbox, "pod")
		if got, err := os.ReadFile(filepath.Join(n.Root, cniInfo)); err != nil || string(got) != vfInfo {
			t.Errorf("the attachment's file has %s, %v", got, err)
		}
		c, err := n.Store.Container(store.Key("c1", "eth0"))
		if err != nil || c == nil {
			t.Fatal(c, err)
		}
		for _, want := range []string{`"deviceID":"0000:03:00.1"`, `"pciBusID":"0000:03:00.1"`} {
			if !strings.Contains(string(c.Attachments[1].Config), want) {
				t.Errorf("the configuration lacks %s: %s", want, c.Attachments[1].Config)
			}
		}
		if !strings.Contains(c.Status, `"device-info":`+vfInfo) {
			t.Errorf("the status lacks the device: %s", c.Status)
		}
		if strings.Contains(string(c.Attachments[0].Config), "deviceID") || c.Attachments[0].DeviceInfo != "" {
			t.Errorf("the default network has a device: %+v", c.Attachments[0])
		}
		n.mustCall(t, "DEL", "c1", sandbox, "pod")
		n.noDeviceInfo(t)
	})
}

func TestDeviceThatCannotBeHad(t *testing.T) {
	eachNode(t, func(t *testing.T, n *node) {
		n.withDevice(t, "no JSON")
		sandbox := n.world.Netns(t)
		before := n.state(t, sandbox)
		for _, test := range []struct {
			name, want string
			kubelet    kubelet
		}{
			{"none allocated", `kubelet allocated 0 devices of resource \"vendor/vf\" to the pod`, kubelet{}},
			{"kubelet does not answer", `"code":11,`, kubelet{err: errors.New("no socket")}},
			{"broken information", "read device information", kubelet{devices: map[string][]string{"vendor/vf": {"0000:03:00.1"}}}},
		} {
			n.Devices = test.kubelet
			if out, ok := n.call("ADD", "c1", sandbox, "pod"); ok || !strings.Contains(out, test.want) {
				t.Errorf("%s: ADD answered %s, want %s", test.name, out, test.want)
			}
			n.noDeviceInfo(t)
			if after := n.state(t, sandbox); after != before {
				t.Errorf("%s: left behind:\n%s\nbefore:\n%s", test.name, after, before)
			}
		}
	})
}

func (n *node) noDeviceInfo(t *testing.T) {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(n.Root, filepath.Dir(cniInfo), "*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}
