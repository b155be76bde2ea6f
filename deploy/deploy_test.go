// Package deploy tests the manifests of this folder.
package deploy

import (
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/braid-cni/braid/api/agentconfig"
)

// build is what kubectl kustomize prints, an object to each element, decoded so that an unknown field is an error. Definitions
// of kinds are left out: their Go types come with all of an API server, which the tests of the cluster ask.
func build(t *testing.T, dir string) []runtime.Object {
	t.Helper()
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		t.Fatal(err)
	}
	decoder := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	var objects []runtime.Object
	for _, resource := range built.Resources() {
		text, err := resource.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		if resource.GetKind() == "CustomResourceDefinition" {
			continue
		}
		obj, _, err := decoder.Decode(text, nil, nil)
		if err != nil {
			t.Errorf("%s: %v", resource.CurId(), err)
			continue
		}
		objects = append(objects, obj)
	}
	return objects
}

// installations are the folders that somebody applies, in lexical order.
func installations(t *testing.T) []string {
	t.Helper()
	overlays, err := filepath.Glob("overlays/*")
	if err != nil {
		t.Fatal(err)
	}
	return append([]string{".", "agent"}, overlays...)
}

func TestEveryInstallation(t *testing.T) {
	all := installations(t)
	if want := []string{".", "agent", "overlays/k3s", "overlays/openshift", "overlays/rke2"}; !slices.Equal(all, want) {
		t.Fatalf("found %q, want %q", all, want)
	}
	for _, dir := range all {
		t.Run(dir, func(t *testing.T) {
			objects := build(t, dir)
			count := map[string]int{}
			for _, obj := range objects {
				count[obj.GetObjectKind().GroupVersionKind().Kind]++
			}
			for kind, want := range map[string]int{
				"Namespace": 1, "ConfigMap": 1, "ServiceAccount": 1, "ClusterRole": 1, "ClusterRoleBinding": 1, "Role": 1,
				"ValidatingAdmissionPolicy": 3, "ValidatingAdmissionPolicyBinding": 3, "DaemonSet": 1,
			} {
				if count[kind] != want {
					t.Errorf("%d objects of kind %s, want %d", count[kind], kind, want)
				}
			}
			checkConfiguration(t, find[*corev1.ConfigMap](t, objects))
			checkDaemonSet(t, find[*appsv1.DaemonSet](t, objects))
		})
	}
}

func find[T runtime.Object](t *testing.T, objects []runtime.Object) T {
	t.Helper()
	for _, obj := range objects {
		if found, ok := obj.(T); ok {
			return found
		}
	}
	t.Fatalf("no %s", reflect.TypeFor[T]())
	panic("unreachable")
}

func checkConfiguration(t *testing.T, config *corev1.ConfigMap) {
	t.Helper()
	c, err := agentconfig.Parse([]byte(config.Data["config.yaml"]))
	if err != nil {
		t.Fatal(err)
	}
	// The probes ask there.
	if want := agentconfig.Default().HealthAddress; c.HealthAddress != want {
		t.Errorf("healthAddress %q, want %q", c.HealthAddress, want)
	}
}

func checkDaemonSet(t *testing.T, set *appsv1.DaemonSet) {
	t.Helper()
	update := set.Spec.UpdateStrategy.RollingUpdate
	if got := fmt.Sprintf("surge %s, unavailable %s", update.MaxSurge, update.MaxUnavailable); got != "surge 0, unavailable 10%" {
		t.Error(got)
	}
	pod := set.Spec.Template.Spec
	if !pod.HostNetwork || !pod.HostPID || pod.PriorityClassName != "system-node-critical" {
		t.Errorf("hostNetwork %v, hostPID %v, priority %s", pod.HostNetwork, pod.HostPID, pod.PriorityClassName)
	}
	if got := pod.Tolerations; len(got) != 1 || got[0] != (corev1.Toleration{Operator: corev1.TolerationOpExists}) {
		t.Errorf("tolerations %v, want one for all taints", got)
	}
	for name, want := range map[string]string{"install": "[]", "agent": "[NET_ADMIN NET_RAW SYS_ADMIN SYS_CHROOT]"} {
		checkContainer(t, slices.Concat(pod.InitContainers, pod.Containers), name, want)
	}
}

func checkContainer(t *testing.T, containers []corev1.Container, name, capabilities string) {
	t.Helper()
	i := slices.IndexFunc(containers, func(c corev1.Container) bool { return c.Name == name })
	if i < 0 {
		t.Fatalf("no container %s", name)
	}
	c := containers[i]
	security := c.SecurityContext
	if got := fmt.Sprint(security.Capabilities.Add); got != capabilities || fmt.Sprint(security.Capabilities.Drop) != "[ALL]" {
		t.Errorf("%s: capabilities %s added, %s dropped", name, got, security.Capabilities.Drop)
	}
	if !*security.ReadOnlyRootFilesystem || security.Privileged != nil {
		t.Errorf("%s: its root file system is writable, or it is privileged", name)
	}
	if _, limited := c.Resources.Limits[corev1.ResourceCPU]; limited || c.Resources.Requests.Cpu().IsZero() {
		t.Errorf("%s: resources %v, want requests and no limit of CPU", name, c.Resources)
	}
	if !slices.Contains(c.Args, "--config=/etc/braid/config.yaml") || !slices.Contains(c.Args, "--host-root=/host") {
		t.Errorf("%s: args %q", name, c.Args)
	}
	for _, mount := range c.VolumeMounts {
		propagated := mount.MountPropagation != nil && *mount.MountPropagation == corev1.MountPropagationHostToContainer
		if want := name == "agent" && mount.Name == "host"; propagated != want {
			t.Errorf("%s: mount %s is propagated: %v", name, mount.Name, propagated)
		}
	}
}

// An unknown field in a manifest is found, not dropped.
func TestBuildIsStrict(t *testing.T) {
	decoder := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	_, _, err := decoder.Decode([]byte("apiVersion: v1\nkind: Namespace\nmetadata: {name: a, labelz: {}}\n"), nil, nil)
	if err == nil || !strings.Contains(err.Error(), "labelz") {
		t.Errorf("got %v", err)
	}
}
