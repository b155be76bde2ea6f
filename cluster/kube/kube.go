// Package kube is the cluster as an API server shows it: watch caches of this node's pods and of all
// NetworkAttachmentDefinitions, and live calls where a cache may be behind.
package kube

import (
	"context"
	"sync/atomic"

	nadv1 "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"

	"github.com/braid-cni/braid/cluster"
)

// A Cluster is a cluster.View of an API server. Run must be running for its caches to fill.
type Cluster struct {
	api  *api
	node string
	pods *watched[*corev1.Pod]
	defs *watched[*nadv1.NetworkAttachmentDefinition]
	// tenants are the namespaces that have the label.
	tenants *watched[*corev1.Namespace]
	events  record.EventBroadcaster
	record  record.EventRecorder
	synced  atomic.Bool
}

var _ cluster.View = (*Cluster)(nil)

// New makes the clients and caches for the node of that name. It makes no API call.
func New(config *rest.Config, node string) (*Cluster, error) {
	api, err := dial(config)
	if err != nil {
		return nil, err
	}
	broadcaster := record.NewBroadcaster()
	c := &Cluster{
		api: api, node: node, events: broadcaster,
		record: broadcaster.NewRecorder(api.kinds, corev1.EventSource{Component: "braid", Host: node}),
	}
	pods := api.pods("").inform(whose("spec.nodeName", node), &corev1.Pod{}, func() runtime.Object { return &corev1.PodList{} })
	if c.pods, err = watch[*corev1.Pod](pods); err != nil {
		return nil, err
	}
	defs := api.definitions("").inform(selection{}, &nadv1.NetworkAttachmentDefinition{},
		func() runtime.Object { return &nadv1.NetworkAttachmentDefinitionList{} })
	if c.defs, err = watch[*nadv1.NetworkAttachmentDefinition](defs); err != nil {
		return nil, err
	}
	tenants := api.namespaces().inform(selection{labels: cluster.TenantLabel}, &corev1.Namespace{}, namespaceList)
	if c.tenants, err = watch[*corev1.Namespace](tenants); err != nil {
		return nil, err
	}
	return c, nil
}

// Run fills the caches and keeps them until ctx is done. An API server that is away is waited for.
func (c *Cluster) Run(ctx context.Context) error {
	c.events.StartRecordingToSink(sink{c.api.core})
	defer c.events.Shutdown()
	go c.pods.informer.RunWithContext(ctx)
	go c.defs.informer.RunWithContext(ctx)
	go c.tenants.informer.RunWithContext(ctx)
	if cache.WaitForCacheSync(ctx.Done(), c.pods.informer.HasSynced, c.defs.informer.HasSynced, c.tenants.informer.HasSynced) {
		c.synced.Store(true)
	}
	<-ctx.Done()
	return nil
}

// String names the task.
func (c *Cluster) String() string { return "cluster watch" }

// Synced says whether the caches were filled once.
func (c *Cluster) Synced() bool { return c.synced.Load() }
