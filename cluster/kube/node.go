package kube

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// nodePause is how long the Node object is left alone before it is looked at again for its ranges.
const nodePause = time.Second

// PodCIDRs returns the ranges of the node's own pods, of which the controller manager gives one for each family. It waits
// for them until ctx is done: a node that has just joined has none yet.
func (c *Cluster) PodCIDRs(ctx context.Context) ([]netip.Prefix, error) {
	for {
		node := &corev1.Node{}
		if err := c.api.nodes().get(ctx, c.node, node); err != nil {
			return nil, fmt.Errorf("read node %s from the API server: %w", c.node, err)
		}
		if ranges := node.Spec.PodCIDRs; len(ranges) > 0 {
			return prefixes(node, ranges)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("node %s has no spec.podCIDRs: let the controller manager give ranges to nodes (--allocate-node-cidrs)", c.node)
		case <-time.After(nodePause):
		}
	}
}

func prefixes(node *corev1.Node, ranges []string) (all []netip.Prefix, err error) {
	for _, text := range ranges {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("read spec.podCIDRs of node %s: %w", node.Name, err)
		}
		all = append(all, prefix.Masked())
	}
	return all, nil
}
