package kube

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/dynamic"
)

const fieldManager = "braid-e2e"

// Apply applies every document of a YAML manifest by server-side apply, in order. A kind whose definition was
// applied a moment ago is waited for.
func (c *Client) Apply(ctx context.Context, manifest []byte) error {
	objects, err := decode(manifest)
	if err != nil {
		return err
	}
	for _, obj := range objects {
		if err := c.applyOne(ctx, obj); err != nil {
			return fmt.Errorf("apply %s %s: %w", obj.GetKind(), obj.GetName(), err)
		}
	}
	return nil
}

func (c *Client) applyOne(ctx context.Context, obj *unstructured.Unstructured) error {
	var last error
	err := until(ctx, func(ctx context.Context) (bool, error) {
		resource, err := c.resource(obj)
		if err == nil {
			options := metav1.ApplyOptions{FieldManager: fieldManager, Force: true}
			_, err = resource.Apply(ctx, obj.GetName(), obj, options)
		}
		last = err
		if meta.IsNoMatchError(err) || isUnserved(err) {
			c.mapper.Reset()
			return false, nil
		}
		return err == nil, err
	})
	if last != nil {
		return last
	}
	return err
}

// isUnserved says that the path of the kind itself is unknown: discovery names a new kind before it is served.
func isUnserved(err error) bool {
	var status apierrors.APIStatus
	return errors.As(err, &status) && apierrors.IsNotFound(err) && status.Status().Details != nil &&
		status.Status().Details.Name == ""
}

// Delete deletes every document of a YAML manifest, the last first. What is gone already is no error.
func (c *Client) Delete(ctx context.Context, manifest []byte) error {
	objects, err := decode(manifest)
	if err != nil {
		return err
	}
	for i := len(objects) - 1; i >= 0; i-- {
		obj := objects[i]
		resource, err := c.resource(obj)
		if err == nil {
			err = resource.Delete(ctx, obj.GetName(), metav1.DeleteOptions{})
		}
		if err != nil && !apierrors.IsNotFound(err) && !meta.IsNoMatchError(err) {
			return fmt.Errorf("delete %s %s: %w", obj.GetKind(), obj.GetName(), err)
		}
	}
	return nil
}

// resource is where the object lives; a namespaced one without a namespace lives in default.
func (c *Client) resource(obj *unstructured.Unstructured) (dynamic.ResourceInterface, error) {
	kind := obj.GroupVersionKind()
	mapping, err := c.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if err != nil {
		return nil, err
	}
	resource := c.Dynamic.Resource(mapping.Resource)
	if mapping.Scope.Name() != meta.RESTScopeNameNamespace {
		return resource, nil
	}
	if obj.GetNamespace() == "" {
		obj.SetNamespace(metav1.NamespaceDefault)
	}
	return resource.Namespace(obj.GetNamespace()), nil
}

func decode(manifest []byte) ([]*unstructured.Unstructured, error) {
	var objects []*unstructured.Unstructured
	docs := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(manifest)))
	for {
		doc, err := docs.Read()
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read manifest: %w", err)
		}
		obj := &unstructured.Unstructured{}
		if err := yaml.Unmarshal(doc, &obj.Object); err != nil {
			return nil, fmt.Errorf("read manifest: %w", err)
		}
		if len(obj.Object) > 0 { // a document of comments only
			objects = append(objects, obj)
		}
	}
}
