package kube

import (
	"context"
	"fmt"
	"time"

	nadv1 "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/braid-cni/braid/cluster"
)

// liveWithin bounds one live call, which otherwise waits for as long as a connection takes to fail.
const liveWithin = 10 * time.Second

// staticHash is the annotation that names a static pod as its kubelet and the runtime know it. The API server shows
// a static pod by a mirror object with a UID of its own.
const staticHash = "kubernetes.io/config.hash"

// Pod returns a pod of this node. A pod of the same name with another UID is the one before, of a StatefulSet or a
// static pod that was made anew while the cache is behind: it does not count.
func (c *Cluster) Pod(ctx context.Context, namespace, name, uid string) (*cluster.Pod, error) {
	fits := func(p *corev1.Pod) bool {
		return uid == "" || string(p.UID) == uid || p.Annotations[staticHash] == uid
	}
	if pod, ok := c.pods.lookup(ctx, namespace, name, fits); ok {
		return view(pod), nil
	}
	ctx, cancel := context.WithTimeout(ctx, liveWithin)
	defer cancel()
	pod := &corev1.Pod{}
	if err := c.api.pods(namespace).get(ctx, name, pod); err != nil {
		return nil, readError("pod", namespace, name, err)
	}
	if !fits(pod) {
		return nil, fmt.Errorf("pod %s/%s exists with UID %s, the runtime asks for %s: %w", namespace, name, pod.UID, uid, cluster.ErrNotFound)
	}
	return view(pod), nil
}

// NAD returns a NetworkAttachmentDefinition.
func (c *Cluster) NAD(ctx context.Context, namespace, name string) (*nadv1.NetworkAttachmentDefinition, error) {
	fits := func(*nadv1.NetworkAttachmentDefinition) bool { return true }
	if nad, ok := c.defs.lookup(ctx, namespace, name, fits); ok {
		return nad, nil
	}
	ctx, cancel := context.WithTimeout(ctx, liveWithin)
	defer cancel()
	nad := &nadv1.NetworkAttachmentDefinition{}
	if err := c.api.definitions(namespace).get(ctx, name, nad); err != nil {
		return nil, readError("NetworkAttachmentDefinition", namespace, name, err)
	}
	return nad, nil
}

func view(p *corev1.Pod) *cluster.Pod {
	return &cluster.Pod{Namespace: p.Namespace, Name: p.Name, UID: string(p.UID), Annotations: p.Annotations}
}

func readError(kind, namespace, name string, err error) error {
	if apierrors.IsNotFound(err) {
		return fmt.Errorf("%s %s/%s: %w", kind, namespace, name, cluster.ErrNotFound)
	}
	return fmt.Errorf("read %s %s/%s from the API server: %w", kind, namespace, name, err)
}
