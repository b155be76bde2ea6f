package kube

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	apiwatch "k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
)

// A resource is one of an API group, in a namespace; without one, the objects of all or those that have none. Its methods ask
// what client-go's generated clients would ask. Each blocks for one API call, and fails as that does: with an
// apierrors.APIStatus when the API server refuses.
type resource struct {
	client          rest.Interface
	name, namespace string
	// builtin types have an encoding in protobuf.
	builtin bool
}

func (r resource) begin(request *rest.Request) *rest.Request {
	return request.UseProtobufAsDefaultIfPreferred(r.builtin).NamespaceIfScoped(r.namespace, r.namespace != "").Resource(r.name)
}

// get reads an object.
func (r resource) get(ctx context.Context, name string, into runtime.Object) error {
	return r.begin(r.client.Get()).Name(name).Do(ctx).Into(into)
}

// patchStatus changes an object by its subresource status.
func (r resource) patchStatus(ctx context.Context, name string, kind types.PatchType, patch []byte, into runtime.Object) error {
	return r.begin(r.client.Patch(kind)).Name(name).SubResource("status").Body(patch).Do(ctx).Into(into)
}

// list reads all objects, or a page of them.
func (r resource) list(ctx context.Context, o metav1.ListOptions, into runtime.Object) error {
	return r.begin(r.client.Get()).VersionedParams(&o, metav1.ParameterCodec).Timeout(timeout(o)).Do(ctx).Into(into)
}

// watch returns what happens to the objects from now on. It blocks until the API server begins to answer.
func (r resource) watch(ctx context.Context, o metav1.ListOptions) (apiwatch.Interface, error) {
	o.Watch = true
	return r.begin(r.client.Get()).VersionedParams(&o, metav1.ParameterCodec).Timeout(timeout(o)).Watch(ctx)
}

func timeout(o metav1.ListOptions) time.Duration {
	if o.TimeoutSeconds == nil {
		return 0
	}
	return time.Duration(*o.TimeoutSeconds) * time.Second
}
