package pods

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	deviceplugin "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"

	"github.com/braid-cni/braid/e2e/cluster"
	"github.com/braid-cni/braid/e2e/kube"
	"github.com/braid-cni/braid/e2e/suite"
)

const (
	vfResource = "e2e.braid.dev/vf"
	vfNetwork  = `apiVersion: k8s.cni.cncf.io/v1
kind: NetworkAttachmentDefinition
metadata: {name: vf, annotations: {k8s.v1.cni.cncf.io/resourceName: ` + vfResource + `}}
spec: {config: '{"cniVersion":"1.1.0","type":"bridge","bridge":"br-vf"}'}
`
	devInfo = "/run/k8s.cni.cncf.io/devinfo"
)

// vfs is a device plugin with two devices that nothing stands behind: kubelet gives them to pods all the same.
type vfs struct {
	deviceplugin.UnimplementedDevicePluginServer
	ids []string
}

func (v *vfs) GetDevicePluginOptions(context.Context, *deviceplugin.Empty) (*deviceplugin.DevicePluginOptions, error) {
	return &deviceplugin.DevicePluginOptions{}, nil
}

func (v *vfs) ListAndWatch(_ *deviceplugin.Empty, stream grpc.ServerStreamingServer[deviceplugin.ListAndWatchResponse]) error {
	list := &deviceplugin.ListAndWatchResponse{}
	for _, id := range v.ids {
		list.Devices = append(list.Devices, &deviceplugin.Device{ID: id, Health: deviceplugin.Healthy})
	}
	if err := stream.Send(list); err != nil {
		return err
	}
	<-stream.Context().Done()
	return nil
}

func (v *vfs) Allocate(_ context.Context, r *deviceplugin.AllocateRequest) (*deviceplugin.AllocateResponse, error) {
	answer := &deviceplugin.AllocateResponse{}
	for range r.GetContainerRequests() {
		answer.ContainerResponses = append(answer.ContainerResponses, &deviceplugin.ContainerAllocateResponse{})
	}
	return answer, nil
}

// serve registers the plugin with the node's kubelet, for the time of the test, and waits until the node has the devices.
func (v *vfs) serve(t *suite.Test, n *cluster.Node) {
	t.Helper()
	// The path of a socket may have 108 bytes.
	folder, err := os.Open(n.Path(deviceplugin.DevicePluginPath))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { folder.Close() })
	dir := fmt.Sprintf("/proc/self/fd/%d", folder.Fd())
	listener, err := net.Listen("unix", filepath.Join(dir, "vf.sock"))
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	deviceplugin.RegisterDevicePluginServer(server, v)
	go server.Serve(listener)
	t.Cleanup(server.Stop)
	kubelet, err := grpc.NewClient("unix://"+filepath.Join(dir, filepath.Base(deviceplugin.KubeletSocket)), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer kubelet.Close()
	_, err = deviceplugin.NewRegistrationClient(kubelet).Register(t.Ctx, &deviceplugin.RegisterRequest{
		Version: deviceplugin.Version, Endpoint: "vf.sock", ResourceName: vfResource,
	})
	if err != nil {
		t.Fatalf("register with kubelet: %v", err)
	}
	_, err = t.Kube.WaitNodes(t.Ctx, len(t.Nodes), "given devices", func(node *corev1.Node) bool {
		have := node.Status.Allocatable[vfResource]
		return node.Name != n.Name || have.Value() == int64(len(v.ids))
	})
	if err != nil {
		t.Fatal(err)
	}
}

// withVF is a pod that requests devices.
func withVF(name, networks string, devices int64) *corev1.Pod {
	pod := kube.Busybox(name, "node1", selecting(networks))
	if devices > 0 {
		pod.Spec.Containers[0].Resources.Limits = corev1.ResourceList{vfResource: *resource.NewQuantity(devices, resource.DecimalSI)}
	}
	return pod
}

// Each pod's attachment has the device that kubelet gave to the pod, with what the device plugin wrote of it (clauses 53, 70,
// 71 of the standard). A pod that asks for the network and not for a device is told so.
func TestDevices(t *testing.T) {
	test := shared.Start(t)
	test.Apply(vfNetwork)
	node := test.Nodes[0]
	plugin := &vfs{ids: []string{"0000:03:00.1", "0000:03:00.2"}}
	plugin.serve(test, node)
	for _, id := range plugin.ids {
		writeNodeFile(test, node, devInfo+"/dp/e2e.braid.dev-vf-"+id+"-device.json", infoOf(id))
	}
	given := map[string]bool{}
	pods := test.RunPods(withVF("vf-a", "vf", 1), withVF("vf-b", "vf", 1))
	for _, pod := range pods {
		given[deviceOf(test, pod)] = true
	}
	if !given[plugin.ids[0]] || !given[plugin.ids[1]] {
		test.Errorf("two pods with a device each have %v", given)
	}
	none := createPod(test, withVF("vf-none", "vf", 0))
	if _, err := test.Kube.WaitEvent(test.Ctx, none.Namespace, none.Name, "kubelet allocated 0 devices of resource"); err != nil {
		test.Error(err)
	}
	if err := test.Kube.DeletePods(test.Ctx, pods...); err != nil {
		test.Fatal(err)
	}
	if left, err := filepath.Glob(node.Path(devInfo + "/cni/*")); err != nil || len(left) > 0 {
		test.Errorf("the pods are gone, what is known of their devices is not: %v, %v", left, err)
	}
}

func infoOf(id string) string {
	return fmt.Sprintf(`{"type":"pci","version":"1.1.0","pci":{"pci-address":%q}}`, id)
}

func writeNodeFile(t *suite.Test, n *cluster.Node, path, content string) {
	t.Helper()
	file := n.Path(path)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(file) })
}

// deviceOf is the device of a pod's net1, on which its status, its stored configuration and its information file agree.
func deviceOf(t *suite.Test, pod *corev1.Pod) string {
	t.Helper()
	s := sandboxes(t, pod)[0]
	var status []struct {
		Interface string
		Device    struct {
			PCI struct {
				Address string `json:"pci-address"`
			}
		} `json:"device-info"`
	}
	text, err := t.Kube.Annotation(t.Ctx, pod.Namespace, pod.Name, "k8s.v1.cni.cncf.io/network-status")
	if err == nil {
		err = json.Unmarshal([]byte(text), &status)
	}
	if err != nil || len(status) != 2 {
		t.Fatalf("network-status of %s: %v: %s", pod.Name, err, text)
	}
	id := status[1].Device.PCI.Address
	if !strings.Contains(string(s.record.Attachments[1].Config), fmt.Sprintf(`"deviceID":%q`, id)) {
		t.Errorf("%s has device %q in its status, and was configured by %s", pod.Name, id, s.record.Attachments[1].Config)
	}
	file := s.node.Path(devInfo + "/cni/default-vf-" + s.record.ID + "_net1")
	if content, err := os.ReadFile(file); err != nil || string(content) != infoOf(id) {
		t.Errorf("%s: the device's file says %q, %v", pod.Name, content, err)
	}
	return id
}
