package kube

import (
	nadv1 "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// trim keeps of an object what Braid reads, before it enters a cache: the specification and status of a pod are
// several kilobytes, its name and annotations a few hundred bytes.
func trim(obj any) (any, error) {
	switch o := obj.(type) {
	case *corev1.Pod:
		return &corev1.Pod{ObjectMeta: trimMeta(&o.ObjectMeta)}, nil
	case *nadv1.NetworkAttachmentDefinition:
		return &nadv1.NetworkAttachmentDefinition{ObjectMeta: trimMeta(&o.ObjectMeta), Spec: o.Spec}, nil
	case *corev1.Namespace:
		return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: o.Name, UID: o.UID, ResourceVersion: o.ResourceVersion}}, nil
	}
	return obj, nil
}

func trimMeta(m *metav1.ObjectMeta) metav1.ObjectMeta {
	annotations := m.Annotations
	delete(annotations, corev1.LastAppliedConfigAnnotation)
	return metav1.ObjectMeta{
		Namespace: m.Namespace, Name: m.Name, UID: m.UID, ResourceVersion: m.ResourceVersion, Annotations: annotations,
	}
}
