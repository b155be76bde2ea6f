// Package cluster is the world outside the node as the agent sees it. Package kube looks at a Kubernetes API server
// through watch caches, package files at a folder of the same YAML.
package cluster

import (
	"context"
	"errors"

	nadv1 "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
)

// ErrNotFound means that the object does not exist, by the live word of the API server and not only by a cache.
var ErrNotFound = errors.New("not found")

// TenantLabel on a namespace says that those who write its NetworkAttachmentDefinitions are tenants, who may use no
// more of a node than the administrator's tenants.allow lists. Its value means nothing.
const TenantLabel = "braid.dev/tenant"

// A Pod is what Braid reads of a pod.
type Pod struct {
	Namespace string
	Name      string
	// UID is the API object's; for a static pod it differs from the one that the runtime names.
	UID         string
	Annotations map[string]string
}

// Ref names the pod and the object.
func (p *Pod) Ref() PodRef { return PodRef{Namespace: p.Namespace, Name: p.Name, UID: p.UID} }

// A PodRef names one pod object, by UID too: a pod of the same name made later is another one.
type PodRef struct {
	Namespace string
	Name      string
	UID       string
}

// An Event is a line in the pod's events, for "kubectl describe pod".
type Event struct {
	Warning bool
	// Reason is one CamelCase word, Message a sentence for people.
	Reason  string
	Message string
}

// A Condition is one of a Node's conditions, for "kubectl describe node".
type Condition struct {
	// Type and Reason are CamelCase words, Message is a sentence for people.
	Type string
	// Met is the condition's status.
	Met             bool
	Reason, Message string
}

// A View is what the agent sees of the cluster. Its methods may be called from many goroutines.
type View interface {
	// Pod returns the pod of that name whose UID, or whose static configuration's hash, is uid; any pod of that
	// name when uid is empty. A pod that a cache does not know yet is waited for and then asked for live, so
	// Pod blocks for one API call at the most. It fails with ErrNotFound.
	Pod(ctx context.Context, namespace, name, uid string) (*Pod, error)
	// NAD returns a NetworkAttachmentDefinition, with the same patience as Pod.
	NAD(ctx context.Context, namespace, name string) (*nadv1.NetworkAttachmentDefinition, error)
	// Tenant says whether that namespace has TenantLabel. Before the caches are filled it blocks for one API call.
	Tenant(ctx context.Context, namespace string) (bool, error)
	// PublishStatus sets the network-status annotation of exactly that pod object. ErrNotFound means that it is
	// gone, and that trying again is of no use.
	PublishStatus(ctx context.Context, pod PodRef, status string) error
	// Event records an event on a pod. It neither blocks nor fails: an event may be lost.
	Event(pod PodRef, e Event)
	// PublishCondition sets the condition of that type on the agent's own Node, with two API calls where it differs and
	// with one where it does not. Other conditions stay as they are.
	PublishCondition(ctx context.Context, c Condition) error
	// Synced says whether the caches have seen the cluster once since the process started.
	Synced() bool
}
