package kube

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/record"

	"github.com/braid-cni/braid/cluster"
)

// Event records an event on a pod.
func (c *Cluster) Event(pod cluster.PodRef, e cluster.Event) {
	kind := corev1.EventTypeNormal
	if e.Warning {
		kind = corev1.EventTypeWarning
	}
	c.record.Event(reference(pod), kind, e.Reason, e.Message)
}

func reference(pod cluster.PodRef) *corev1.ObjectReference {
	return &corev1.ObjectReference{Kind: "Pod", APIVersion: "v1", Namespace: pod.Namespace, Name: pod.Name, UID: types.UID(pod.UID)}
}

// A sink writes events into the namespaces that they name. Each method blocks for one API call, and fails as that does: what
// the recorder does next depends on the kind of the error.
type sink struct{ core rest.Interface }

var _ record.EventSink = sink{}

// Create makes an event.
func (s sink) Create(event *corev1.Event) (*corev1.Event, error) {
	return s.do(s.core.Post().Body(event), event, "")
}

// Update writes an event over the one of that name.
func (s sink) Update(event *corev1.Event) (*corev1.Event, error) {
	return s.do(s.core.Put().Body(event), event, event.Name)
}

// Patch changes the event of that name.
func (s sink) Patch(old *corev1.Event, data []byte) (*corev1.Event, error) {
	return s.do(s.core.Patch(types.StrategicMergePatchType).Body(data), old, old.Name)
}

func (s sink) do(r *rest.Request, event *corev1.Event, name string) (*corev1.Event, error) {
	r = r.NamespaceIfScoped(event.Namespace, event.Namespace != "").Resource("events")
	if name != "" {
		r = r.Name(name)
	}
	result := &corev1.Event{}
	err := r.Do(context.Background()).Into(result)
	return result, err
}
