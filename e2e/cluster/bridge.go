package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// BridgeConflist is where the reference bridge's configuration lies on a node, for chains that begin with it.
const BridgeConflist = confFolder + "/10-bridge.conflist"

// installBridge makes the reference bridge plugin the cluster network: each node's pods get addresses of the node's
// own ranges, and routes lead to those of the other nodes.
func (c *Cluster) installBridge(ctx context.Context, ranges map[string][]string) error {
	for _, n := range c.Nodes {
		if err := n.routeToOthers(ctx, ranges); err != nil {
			return err
		}
		conflist, err := bridgeConflist(ranges[n.Name])
		if err != nil {
			return err
		}
		if err := n.WriteFile(BridgeConflist, conflist); err != nil {
			return err
		}
	}
	return nil
}

func (n *Node) routeToOthers(ctx context.Context, ranges map[string][]string) error {
	for _, other := range n.cluster.Nodes {
		if other == n {
			continue
		}
		for _, cidr := range ranges[other.Name] {
			via := other.IP
			if strings.Contains(cidr, ":") {
				via = other.IP6
			}
			if _, err := n.Exec(ctx, "ip", "route", "add", cidr, "via", via); err != nil {
				return err
			}
		}
	}
	return nil
}

func bridgeConflist(ranges []string) ([]byte, error) {
	var sets [][]map[string]string
	var routes []map[string]string
	for _, cidr := range ranges {
		prefix, err := netip.ParsePrefix(cidr)
		if err != nil {
			return nil, fmt.Errorf("write bridge configuration: %w", err)
		}
		everything := "0.0.0.0/0"
		if prefix.Addr().Is6() {
			everything = "::/0"
		}
		sets = append(sets, []map[string]string{{"subnet": cidr}})
		routes = append(routes, map[string]string{"dst": everything})
	}
	return json.Marshal(map[string]any{
		"cniVersion": "1.1.0", "name": "pods",
		"plugins": []any{map[string]any{
			"type": "bridge", "bridge": "cni0", "isGateway": true,
			"ipam": map[string]any{"type": "host-local", "ranges": sets, "routes": routes},
		}},
	})
}

// podRanges returns each node's ranges as the controller manager has given them.
func (c *Cluster) podRanges(ctx context.Context) (map[string][]string, error) {
	nodes, err := c.Kube.WaitNodes(ctx, len(c.Nodes), "given pod ranges", func(n *corev1.Node) bool {
		return len(n.Spec.PodCIDRs) > 0
	})
	ranges := map[string][]string{}
	for _, n := range nodes {
		ranges[n.Name] = n.Spec.PodCIDRs
	}
	return ranges, err
}
