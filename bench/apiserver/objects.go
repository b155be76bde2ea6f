package apiserver

import (
	"context"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/yaml"
)

const (
	// Node is the node's name, Namespace that of pods and networks.
	Node      = "node"
	Namespace = "default"
	// writers is how many objects are written at the same time.
	writers = 16
)

// A NAD is a network that pods can name.
type NAD struct{ Name, Config string }

// Furnish makes the definition of NetworkAttachmentDefinitions, read from a file, the node, and what pods need to be made.
func (s *Server) Furnish(ctx context.Context, definition string) error {
	if err := s.define(ctx, definition); err != nil {
		return err
	}
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: Node}}
	if _, err := s.typed.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("make the node: %w", err)
	}
	// No controller runs that makes it.
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "default"}}
	return s.until(ctx, "make the service account", func(ctx context.Context) error {
		_, err := s.typed.CoreV1().ServiceAccounts(Namespace).Create(ctx, account, metav1.CreateOptions{})
		return err
	})
}

// define makes the custom resource and waits until it is served.
func (s *Server) define(ctx context.Context, definition string) error {
	data, err := os.ReadFile(definition)
	if err != nil {
		return fmt.Errorf("read the definition of NetworkAttachmentDefinitions: %w", err)
	}
	crd := new(unstructured.Unstructured)
	if err := yaml.Unmarshal(data, &crd.Object); err != nil {
		return fmt.Errorf("read the definition of NetworkAttachmentDefinitions: %w", err)
	}
	definitions := schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
	if _, err := s.dynamic.Resource(definitions).Create(ctx, crd, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("define NetworkAttachmentDefinitions: %w", err)
	}
	return s.until(ctx, "list NetworkAttachmentDefinitions", func(ctx context.Context) error {
		_, err := s.dynamic.Resource(nads()).Namespace(Namespace).List(ctx, metav1.ListOptions{})
		return err
	})
}

func nads() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "k8s.cni.cncf.io", Version: "v1", Resource: "network-attachment-definitions"}
}

// until tries again while an object that belongs to the server itself is missing.
func (s *Server) until(ctx context.Context, what string, try func(context.Context) error) error {
	last := error(nil)
	err := wait.PollUntilContextTimeout(ctx, startWithin/1000, startWithin, true, func(ctx context.Context) (bool, error) {
		last = try(ctx)
		if apierrors.IsNotFound(last) {
			return false, nil
		}
		return last == nil, last
	})
	if err != nil {
		return fmt.Errorf("%s: %w", what, last)
	}
	return nil
}

// Define makes networks.
func (s *Server) Define(ctx context.Context, networks []NAD) error {
	return each(ctx, networks, func(ctx context.Context, n NAD) error {
		object := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "k8s.cni.cncf.io/v1", "kind": "NetworkAttachmentDefinition",
			"metadata": map[string]any{"name": n.Name}, "spec": map[string]any{"config": n.Config},
		}}
		if _, err := s.dynamic.Resource(nads()).Namespace(Namespace).Create(ctx, object, metav1.CreateOptions{}); err != nil {
			return fmt.Errorf("make network %s: %w", n.Name, err)
		}
		return nil
	})
}

// Pods makes pods on the node that ask for networks, and returns the CNI_ARGS of each.
func (s *Server) Pods(ctx context.Context, names, networks []string) (args [][][2]string, err error) {
	args = make([][][2]string, len(names))
	indexes := make([]int, len(names))
	for i := range indexes {
		indexes[i] = i
	}
	err = each(ctx, indexes, func(ctx context.Context, i int) error {
		made, err := s.typed.CoreV1().Pods(Namespace).Create(ctx, pod(names[i], networks), metav1.CreateOptions{})
		if err != nil {
			return fmt.Errorf("make pod %s: %w", names[i], err)
		}
		args[i] = [][2]string{{"IgnoreUnknown", "1"}, {"K8S_POD_NAMESPACE", Namespace}, {"K8S_POD_NAME", names[i]}, {"K8S_POD_UID", string(made.UID)}}
		return nil
	})
	return args, err
}

func pod(name string, networks []string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{"k8s.v1.cni.cncf.io/networks": strings.Join(networks, ",")}},
		Spec:       corev1.PodSpec{NodeName: Node, Containers: []corev1.Container{{Name: "main", Image: "none"}}},
	}
}

// Published is how many of the pods have a network-status.
func (s *Server) Published(ctx context.Context) (int, error) {
	pods, err := s.typed.CoreV1().Pods(Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return 0, fmt.Errorf("list the pods: %w", err)
	}
	n := 0
	for _, pod := range pods.Items {
		if pod.Annotations["k8s.v1.cni.cncf.io/network-status"] != "" {
			n++
		}
	}
	return n, nil
}

// each writes objects, some at the same time.
func each[T any](ctx context.Context, all []T, write func(context.Context, T) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(writers)
	for _, one := range all {
		group.Go(func() error { return write(ctx, one) })
	}
	return group.Wait()
}
