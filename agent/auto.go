package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"path"
	"time"

	"github.com/braid-cni/braid/api/agentconfig"
	"github.com/braid-cni/braid/netattach"
)

const (
	// aloneFor is how long a node must have no other CNI's configuration before Braid makes the cluster network itself:
	// the other one may be starting at the same time.
	aloneFor = 10 * time.Second
	// rangesWithin bounds one wait for the node's ranges.
	rangesWithin = 5 * time.Second
)

// A Ranger knows the ranges of this node's pods, Node.spec.podCIDRs. It waits for them until ctx is done.
type Ranger interface {
	PodCIDRs(ctx context.Context) ([]netip.Prefix, error)
}

// A chooser decides what clusterNetwork "auto" is on this node.
type chooser struct {
	root   string
	ranges Ranger
	alone  time.Time // since when no other CNI was seen; zero while there was one
	known  []netip.Prefix
}

// choose returns the cluster network. It chains with another CNI where there is one. A node that was chained stays so: a CNI
// that is being updated takes its file away for a moment.
func (c *chooser) choose(ctx context.Context, config agentconfig.Config) (json.RawMessage, error) {
	if !config.ClusterNetwork.Auto {
		return config.ClusterNetwork.Raw, nil
	}
	other, err := c.otherCNI(config.ConfDir)
	if err != nil {
		return nil, err
	}
	installed := c.installed(config)
	if other || len(installed) > 0 && installed[0] == '"' {
		c.alone = time.Time{}
		return json.Marshal(config.ConfDir)
	}
	if c.alone.IsZero() {
		c.alone = time.Now()
	}
	if installed == nil && time.Since(c.alone) < aloneFor {
		return nil, fmt.Errorf("no CNI configuration in %s: waiting %s for another CNI before bridge %s becomes the cluster network",
			config.ConfDir, aloneFor, clusterBridge)
	}
	return c.bridge(ctx)
}

func (c *chooser) bridge(ctx context.Context) (json.RawMessage, error) {
	if c.known == nil {
		if c.ranges == nil {
			return nil, errors.New("clusterNetwork: the node's pod ranges are unknown without a cluster: name a network instead of auto")
		}
		ctx, cancel := context.WithTimeout(ctx, rangesWithin)
		defer cancel()
		ranges, err := c.ranges.PodCIDRs(ctx)
		if err != nil {
			return nil, err
		}
		c.known = ranges
	}
	return bridgeOn(c.known)
}

// otherCNI says whether a plan that chains with the folder finds a configuration there.
func (c *chooser) otherCNI(dir string) (bool, error) {
	in := netattach.Input{Config: netattach.Config{ClusterNetwork: netattach.Source{Path: dir}}, IfName: "eth0", Disk: netattach.Disk{}}
	if _, err := load(c.root, []string{dir}, in.Disk); err != nil {
		return false, err
	}
	_, err := netattach.NewPlan(in)
	return !errors.Is(err, netattach.ErrNotOnDisk), nil
}

// installed is the cluster network of Braid's configuration on the node, nil where there is none.
func (c *chooser) installed(config agentconfig.Config) json.RawMessage {
	files, err := loadPath(c.root, path.Join(config.ConfDir, config.Conflist))
	if err != nil || len(files) == 0 {
		return nil
	}
	var list confList
	if json.Unmarshal(files[0].Content, &list) != nil || len(list.Plugins) != 1 {
		return nil
	}
	return list.Plugins[0].ClusterNetwork
}
