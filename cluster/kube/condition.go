package kube

import (
	"context"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/braid-cni/braid/cluster"
)

// PublishCondition patches the condition through nodes/status, which needs no right to change the Node itself.
func (c *Cluster) PublishCondition(ctx context.Context, want cluster.Condition) error {
	nodes, node := c.api.nodes(), &corev1.Node{}
	if err := nodes.get(ctx, c.node, node); err != nil {
		return fmt.Errorf("read the conditions of node %s: %w", c.node, err)
	}
	next, changed := conditionAfter(node.Status.Conditions, want, metav1.Now())
	if !changed {
		return nil
	}
	// The list is merged by the conditions' types.
	patch, err := json.Marshal(map[string]any{"status": map[string]any{"conditions": []corev1.NodeCondition{next}}})
	if err != nil {
		return fmt.Errorf("encode condition %s of node %s: %w", want.Type, c.node, err)
	}
	if err := nodes.patchStatus(ctx, c.node, types.StrategicMergePatchType, patch, node); err != nil {
		return fmt.Errorf("write condition %s of node %s: %w", want.Type, c.node, err)
	}
	return nil
}

// conditionAfter is the condition as it is to be written, and whether that differs from what is there. The transition is
// now only where the status changes.
func conditionAfter(have []corev1.NodeCondition, want cluster.Condition, now metav1.Time) (next corev1.NodeCondition, changed bool) {
	next = corev1.NodeCondition{
		Type: corev1.NodeConditionType(want.Type), Status: corev1.ConditionFalse, Reason: want.Reason, Message: want.Message,
		LastHeartbeatTime: now, LastTransitionTime: now,
	}
	if want.Met {
		next.Status = corev1.ConditionTrue
	}
	for _, old := range have {
		if old.Type != next.Type {
			continue
		}
		if old.Status == next.Status {
			next.LastTransitionTime = old.LastTransitionTime
		}
		return next, old.Status != next.Status || old.Reason != next.Reason || old.Message != next.Message
	}
	return next, true
}
