// Package kube is the cluster as an API server shows it: watch caches of this node's pods and of all
// NetworkAttachmentDefinitions, and live calls where a cache may be behind.
package kube

import (
	"context"
	"fmt"
	"sync/atomic"

	nadv1 "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	nadclient "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/client/clientset/versioned"
	nadinformers "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/client/informers/externalversions"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"

	"github.com/braid-cni/braid/cluster"
)

// A Cluster is a cluster.View of an API server. Run must be running for its caches to fill.
type Cluster struct {
	core kubernetes.Interface
	nads nadclient.Interface
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
	core, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make the Kubernetes client: %w", err)
	}
	// A client of custom resources must not ask for protobuf, which only built-in types have.
	jsonConfig := rest.CopyConfig(config)
	jsonConfig.ContentType = "application/json"
	nads, err := nadclient.NewForConfig(jsonConfig)
	if err != nil {
		return nil, fmt.Errorf("make the client of NetworkAttachmentDefinitions: %w", err)
	}
	return assemble(core, nads, node)
}

func assemble(core kubernetes.Interface, nads nadclient.Interface, node string) (*Cluster, error) {
	ofNode := informers.WithTweakListOptions(func(o *metav1.ListOptions) {
		o.FieldSelector = fields.OneTermEqualSelector("spec.nodeName", node).String()
	})
	pods := informers.NewSharedInformerFactoryWithOptions(core, 0, ofNode).Core().V1().Pods().Informer()
	defs := nadinformers.NewSharedInformerFactory(nads, 0).K8sCniCncfIo().V1().NetworkAttachmentDefinitions().Informer()
	broadcaster := record.NewBroadcaster()
	c := &Cluster{
		core: core, nads: nads, node: node, events: broadcaster,
		record: broadcaster.NewRecorder(scheme.Scheme, corev1.EventSource{Component: "braid", Host: node}),
	}
	var err error
	if c.pods, err = watch[*corev1.Pod](pods); err != nil {
		return nil, err
	}
	if c.defs, err = watch[*nadv1.NetworkAttachmentDefinition](defs); err != nil {
		return nil, err
	}
	if c.tenants, err = watchTenants(core); err != nil {
		return nil, err
	}
	return c, nil
}

// Run fills the caches and keeps them until ctx is done. An API server that is away is waited for.
func (c *Cluster) Run(ctx context.Context) error {
	c.events.StartRecordingToSink(&typedcorev1.EventSinkImpl{Interface: c.core.CoreV1().Events("")})
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

// Event records an event on a pod.
func (c *Cluster) Event(pod cluster.PodRef, e cluster.Event) {
	kind := corev1.EventTypeNormal
	if e.Warning {
		kind = corev1.EventTypeWarning
	}
	c.record.Event(reference(pod), kind, e.Reason, e.Message)
}
