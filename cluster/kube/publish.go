package kube

import (
	"context"
	"encoding/json"
	"fmt"

	nadv1 "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/braid-cni/braid/cluster"
)

// PublishStatus patches the annotation through pods/status, which needs no right to change the pod itself. The patch
// carries the UID: the API server answers 422 when the pod of that name is another one by now.
func (c *Cluster) PublishStatus(ctx context.Context, pod cluster.PodRef, status string) error {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"uid":         pod.UID,
		"annotations": map[string]string{nadv1.NetworkStatusAnnot: status},
	}})
	if err != nil {
		return fmt.Errorf("encode the status of pod %s/%s: %w", pod.Namespace, pod.Name, err)
	}
	err = c.api.pods(pod.Namespace).patchStatus(ctx, pod.Name, types.MergePatchType, patch, &corev1.Pod{})
	if apierrors.IsInvalid(err) || apierrors.IsNotFound(err) {
		return fmt.Errorf("publish the status of pod %s/%s: %w (%w)", pod.Namespace, pod.Name, cluster.ErrNotFound, err)
	}
	if err != nil {
		return fmt.Errorf("publish the status of pod %s/%s: %w", pod.Namespace, pod.Name, err)
	}
	return nil
}
