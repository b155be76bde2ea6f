package kube

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/braid-cni/braid/cluster"
)

// Tenant says whether the namespace has the label of tenants.
func (c *Cluster) Tenant(ctx context.Context, namespace string) (bool, error) {
	if c.tenants.informer.HasSynced() {
		_, tenant, err := c.tenants.informer.GetStore().GetByKey(namespace)
		return tenant, err
	}
	ctx, cancel := context.WithTimeout(ctx, liveWithin)
	defer cancel()
	n := &corev1.Namespace{}
	err := c.api.namespaces().get(ctx, namespace, n)
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read namespace %s from the API server: %w", namespace, err)
	}
	_, tenant := n.Labels[cluster.TenantLabel]
	return tenant, nil
}
