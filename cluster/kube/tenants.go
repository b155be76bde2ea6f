package kube

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"

	"github.com/braid-cni/braid/cluster"
)

// watchTenants makes the cache of the namespaces with the label of tenants.
func watchTenants(core kubernetes.Interface) (*watched[*corev1.Namespace], error) {
	labelled := informers.WithTweakListOptions(func(o *metav1.ListOptions) { o.LabelSelector = cluster.TenantLabel })
	factory := informers.NewSharedInformerFactoryWithOptions(core, 0, labelled)
	return watch[*corev1.Namespace](factory.Core().V1().Namespaces().Informer())
}

// Tenant says whether the namespace has the label of tenants.
func (c *Cluster) Tenant(ctx context.Context, namespace string) (bool, error) {
	if c.tenants.informer.HasSynced() {
		_, tenant, err := c.tenants.informer.GetStore().GetByKey(namespace)
		return tenant, err
	}
	ctx, cancel := context.WithTimeout(ctx, liveWithin)
	defer cancel()
	n, err := c.core.CoreV1().Namespaces().Get(ctx, namespace, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read namespace %s from the API server: %w", namespace, err)
	}
	_, tenant := n.Labels[cluster.TenantLabel]
	return tenant, nil
}
