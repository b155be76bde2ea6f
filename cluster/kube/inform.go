package kube

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	apiwatch "k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
)

// A selection narrows what is listed and watched; an empty one does not.
type selection struct{ fields, labels string }

// whose selects by one field.
func whose(field, value string) selection {
	return selection{fields: fields.OneTermEqualSelector(field, value).String()}
}

func (s selection) narrow(o metav1.ListOptions) metav1.ListOptions {
	o.FieldSelector, o.LabelSelector = s.fields, s.labels
	return o
}

func namespaceList() runtime.Object { return &corev1.NamespaceList{} }

// inform makes a cache of a resource's objects, which are of that kind; list makes an empty list of them. While it runs it is
// filled and kept, by a watch alone where the API server can list by one, else by a list and a watch after it.
func (r resource) inform(only selection, kind runtime.Object, list func() runtime.Object) cache.SharedInformer {
	return cache.NewSharedInformer(&cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			all := list()
			return all, r.list(ctx, only.narrow(o), all)
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (apiwatch.Interface, error) {
			return r.watch(ctx, only.narrow(o))
		},
	}, kind, 0)
}
