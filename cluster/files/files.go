// Package files is the world as a folder of YAML shows it, for machines without a cluster: the same
// NetworkAttachmentDefinitions and Pods that "kubectl apply" takes, one or more to a file.
package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	nadv1 "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/braid-cni/braid/cluster"
)

// A Folder is a cluster.View of the files *.yaml, *.yml and *.json in one folder, read at each call. It is read only:
// a status has nowhere to go.
type Folder struct{ dir string }

var _ cluster.View = Folder{}

// New returns the view of a folder, which need not exist yet.
func New(dir string) Folder { return Folder{dir: dir} }

// Pod returns the pod of that name. A folder gives its pods no UID, so any fits.
func (f Folder) Pod(_ context.Context, namespace, name, _ string) (*cluster.Pod, error) {
	pod := new(corev1.Pod)
	if err := f.find("Pod", namespace, name, pod); err != nil {
		return nil, err
	}
	return &cluster.Pod{Namespace: namespace, Name: name, UID: string(pod.UID), Annotations: pod.Annotations}, nil
}

// NAD returns a NetworkAttachmentDefinition.
func (f Folder) NAD(_ context.Context, namespace, name string) (*nadv1.NetworkAttachmentDefinition, error) {
	nad := new(nadv1.NetworkAttachmentDefinition)
	if err := f.find("NetworkAttachmentDefinition", namespace, name, nad); err != nil {
		return nil, err
	}
	return nad, nil
}

// Tenant looks for a Namespace of that name with the label.
func (f Folder) Tenant(_ context.Context, namespace string) (bool, error) {
	found := new(corev1.Namespace)
	if err := f.find("Namespace", "", namespace, found); err != nil {
		if errors.Is(err, cluster.ErrNotFound) {
			return false, nil
		}
		return false, err
	}
	_, tenant := found.Labels[cluster.TenantLabel]
	return tenant, nil
}

// PublishStatus always fails with ErrNotFound: there is no pod object to write to.
func (f Folder) PublishStatus(_ context.Context, pod cluster.PodRef, _ string) error {
	return fmt.Errorf("publish the status of pod %s/%s: a folder is read only: %w", pod.Namespace, pod.Name, cluster.ErrNotFound)
}

// Event drops the event.
func (f Folder) Event(cluster.PodRef, cluster.Event) {}

// PublishCondition drops the condition: there is no Node object.
func (f Folder) PublishCondition(context.Context, cluster.Condition) error { return nil }

// Synced is always true.
func (f Folder) Synced() bool { return true }

// find decodes the object of that kind and name into obj. An empty namespace is for kinds that have none.
func (f Folder) find(kind, namespace, name string, obj any) error {
	paths, err := f.paths()
	if err != nil {
		return err
	}
	for _, path := range paths {
		found, err := findIn(path, kind, namespace, name, obj)
		if err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
		if found {
			return nil
		}
	}
	return fmt.Errorf("%s %s/%s in %s: %w", kind, namespace, name, f.dir, cluster.ErrNotFound)
}

func (f Folder) paths() ([]string, error) {
	var paths []string
	for _, pattern := range []string{"*.yaml", "*.yml", "*.json"} {
		matches, err := filepath.Glob(filepath.Join(f.dir, pattern))
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", f.dir, err)
		}
		paths = append(paths, matches...)
	}
	slices.Sort(paths)
	return paths, nil
}

// findIn looks through the documents of one file.
func findIn(path, kind, namespace, name string, obj any) (bool, error) {
	file, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer file.Close()
	documents := yaml.NewYAMLOrJSONDecoder(file, 4096)
	for {
		var raw runtime.RawExtension
		if err := documents.Decode(&raw); errors.Is(err, io.EOF) {
			return false, nil
		} else if err != nil {
			return false, err
		}
		var meta metav1.PartialObjectMetadata
		if len(raw.Raw) == 0 || yaml.Unmarshal(raw.Raw, &meta) != nil {
			continue
		}
		if meta.Kind == kind && meta.Name == name && (namespace == "" || namespaceOf(meta.Namespace) == namespace) {
			return true, yaml.Unmarshal(raw.Raw, obj)
		}
	}
}

// namespaceOf is kubectl's reading of a manifest that names no namespace.
func namespaceOf(namespace string) string {
	if namespace == "" {
		return "default"
	}
	return namespace
}
