package agent

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// claimClauses are about IPAM claims (section 8).
func claimClauses() []clause {
	return []clause{
		{67, "8", "The addresses of a claim are not freed before the claim is deleted; claims are for networks beside the default one", later, "with IPAM claims", nil},
		{68, "8.1", "The kind IPAMClaim: `spec.network`, `spec.interface`, `status.ips`, subresource `status`", later, "with IPAM claims; as upstream publishes it", nil},
		{69, "8.3.2", "A claim has owner references, and its owner keeps it by a finalizer", notApplicable, "the owner's, such as KubeVirt's", nil},
	}
}

// deviceClauses are about device information files (Device Information Specification).
func deviceClauses() []clause {
	return []clause{
		{70, "DI 4.2.1", "Each attachment with a device has a file of its own for device information; the device plugin's is copied there, the folder made, the file deleted at DEL", conforms, "", each(proveDeviceFile)},
		{71, "DI 5.1.1, 6.1.1", "A plugin that declares `CNIDeviceInfoFile` gets the file's path, and what the file then has is in the status", conforms, "with a device or without", each(proveDeviceCapability)},
	}
}

const (
	devices = "/var/run/k8s.cni.cncf.io/devinfo"
)

// withDevices makes the network vf, which gives a device of a resource, and the pod two devices, of which one is described.
func (p *trial) withDevices(t *testing.T) {
	t.Helper()
	p.Root = filepath.Join(p.home, "root")
	p.Devices = kubelet{devices: map[string][]string{"vendor/vf": {"0000:03:00.1", "0000:03:00.2"}}}
	put(t, filepath.Join(p.Root, dpInfo), vfInfo)
	p.doubles(t, "vf")
	p.apply(t, "nad-vf.yaml", `
kind: NetworkAttachmentDefinition
metadata: {name: vf, annotations: {k8s.v1.cni.cncf.io/resourceName: vendor/vf}}
spec: {config: '{"cniVersion":"1.1.0","type":"vf","capabilities":{"deviceID":true}}'}`)
}

// deviceFiles are the attachments' files.
func (p *trial) deviceFiles(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(p.Root, devices, "cni", "*"))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(file)] = string(content)
	}
	return all
}

func proveDeviceFile(t *testing.T, p *trial) {
	p.withDevices(t)
	put(t, filepath.Join(p.Root, devices, "dp", "vendor-vf-0000:03:00.2-device.json"), `{"type":"pci","version":"1.1.0"}`)
	p.add(t, "vf,vf@x0")
	p.wantConfig(t, "net1", "deviceID", `"0000:03:00.1"`)
	p.wantConfig(t, "x0", "deviceID", `"0000:03:00.2"`)
	files := p.deviceFiles(t)
	if len(files) != 2 || files["default-vf-c1_net1"] != vfInfo || files["default-vf-c1_x0"] != `{"type":"pci","version":"1.1.0"}` {
		t.Errorf("files %v", files)
	}
	p.del(t)
	if files := p.deviceFiles(t); len(files) != 0 {
		t.Errorf("left: %v", files)
	}
	p.wantCalls(t, "ADD vf net1", "ADD vf x0", "DEL vf x0", "DEL vf net1")
	p.refuses(t, "vf,vf,vf", "kubelet allocated 2 devices")
	p.answer(t, "vf.ADD.net2.fail", doubleFails)
	p.web(t, "vf,vf")
	if out, ok := p.ask(t, "ADD"); ok || len(p.deviceFiles(t)) != 0 {
		t.Errorf("after a failure: %s, %v", out, p.deviceFiles(t))
	}
}

func proveDeviceCapability(t *testing.T, p *trial) {
	p.withDevices(t)
	const made = `{"type":"vdpa","version":"1.1.0","vdpa":{"driver":"vhost"}}`
	p.withDouble(t, []string{"maker", "reader"}, "CNIDeviceInfoFile")
	p.answer(t, "maker.info", made)
	p.add(t, "vf,maker,reader")
	p.wantConfig(t, "net1", "runtimeConfig", `{"deviceID":"0000:03:00.1"}`)
	var paths []string
	for _, ifname := range []string{"net2", "net3"} {
		var config struct{ CNIDeviceInfoFile string }
		data, err := json.Marshal(p.given(t, ifname).Config["runtimeConfig"])
		if err != nil || json.Unmarshal(data, &config) != nil {
			t.Fatalf("%v: %s", err, data)
		}
		paths = append(paths, config.CNIDeviceInfoFile)
	}
	if want := []string{devices + "/cni/default-maker-c1_net2", devices + "/cni/default-reader-c1_net3"}; !slices.Equal(paths, want) {
		t.Errorf("plugins got %q, want %q", paths, want)
	}
	p.wantStatus(t, 2, map[string]string{"device-info": `{"type":"vdpa","vdpa":{"driver":"vhost"},"version":"1.1.0"}`})
	p.wantStatus(t, 3, map[string]string{"device-info": ""})
	p.del(t)
	if files := p.deviceFiles(t); len(files) != 0 {
		t.Errorf("left: %v", files)
	}
}
