// Package cluster runs a real Kubernetes cluster on one machine without Docker: etcd, API server, controller manager,
// scheduler, and nodes that are a network and a mount namespace each, with kubelet and containerd.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/braid-cni/braid/e2e/binaries"
	"github.com/braid-cni/braid/e2e/images"
	"github.com/braid-cni/braid/e2e/kube"
	"github.com/braid-cni/braid/e2e/manifests"
	"github.com/braid-cni/braid/e2e/packages"
)

// A CNI is what connects pods when the cluster comes up.
type CNI string

const (
	// None leaves /etc/cni/net.d empty: nodes are not ready until a test installs something.
	None CNI = "none"
	// Bridge is the reference plugin bridge with host-local addresses and routes between nodes.
	Bridge CNI = "bridge"
)

// Options say what cluster is wanted.
type Options struct {
	Nodes    int       // 2 if zero
	Dir      string    // configuration, data and logs; cluster below the user's cache folder if empty
	Out      io.Writer // progress, a line for each step
	CNI      CNI       // None if empty
	Plugins  bool      // the reference plugins in each node's /opt/cni/bin; Bridge implies it
	Detached bool      // the cluster is meant to outlive this process; the next Up does not replace it
}

// A Cluster is one that is up.
type Cluster struct {
	Dir        string
	Kubeconfig string // of the administrator
	Nodes      []*Node
	Kube       *kube.Client

	out      io.Writer
	state    *state
	binaries binaries.Set
}

// Up brings a cluster up, building what it runs when that is missing. It first takes down one that a run which
// crashed, or was told to keep it, has left. On an error everything is taken down again; the logs stay in Dir.
func Up(ctx context.Context, o Options) (*Cluster, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	if err := Prepare(ctx, o.Out); err != nil {
		return nil, err
	}
	programs, err := binaries.Ensure(ctx, o.Out)
	if err != nil {
		return nil, err
	}
	c, err := create(o, programs)
	if err != nil {
		return nil, err
	}
	if err := c.bringUp(ctx, o); err != nil {
		err = fmt.Errorf("bring up cluster (logs are in %s): %w", c.Dir, err)
		return nil, errors.Join(err, Down(context.WithoutCancel(ctx), o.Out))
	}
	return c, nil
}

// Prepare does what Up does first: it installs and builds what is missing, and takes down the cluster of a run that
// crashed or was told to keep it. Whoever compares the machine before and after calls it before.
func Prepare(ctx context.Context, out io.Writer) error {
	if os.Geteuid() != 0 {
		return errors.New("prepare for a cluster: it needs root, for namespaces, links and cgroups")
	}
	if err := packages.Ensure(ctx, out); err != nil {
		return err
	}
	if _, err := binaries.Ensure(ctx, out); err != nil {
		return err
	}
	return takeDownOld(ctx, out)
}

func (o *Options) complete() error {
	if o.Nodes == 0 {
		o.Nodes = 2
	}
	if o.Nodes < 1 || o.Nodes > maxNodes {
		return fmt.Errorf("bring up cluster: %d nodes asked for, 1 to %d are possible", o.Nodes, maxNodes)
	}
	if o.Dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return fmt.Errorf("find a folder for the cluster: %w", err)
		}
		o.Dir = filepath.Join(cache, "braid", "cluster")
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return fmt.Errorf("find a folder for the cluster: %w", err)
	}
	o.Dir = dir
	if o.Out == nil {
		o.Out = io.Discard
	}
	return nil
}

// create makes the state file and an empty folder, and nothing that runs.
func create(o Options, programs binaries.Set) (*Cluster, error) {
	owner, err := newProcess("owner", "", os.Getpid())
	if err != nil {
		return nil, err
	}
	s := &state{Dir: o.Dir, Nodes: o.Nodes, Detached: o.Detached, Owner: owner}
	if err := createState(s); err != nil {
		return nil, err
	}
	c := fromState(s, o.Out)
	c.binaries = programs
	return c, nil
}

// fromState is the cluster as far as the state file knows it.
func fromState(s *state, out io.Writer) *Cluster {
	c := &Cluster{Dir: s.Dir, Kubeconfig: filepath.Join(s.Dir, "admin.kubeconfig"), out: out, state: s}
	for i := range s.Nodes {
		c.Nodes = append(c.Nodes, &Node{Name: nodeName(i + 1), IP: nodeIP(i + 1), IP6: nodeIP6(i + 1), cluster: c})
	}
	return c
}

// A step is one part of bringing the cluster up.
type step struct {
	does string
	run  func(context.Context) error
}

func (c *Cluster) bringUp(ctx context.Context, o Options) error {
	begun := time.Now()
	for _, s := range []step{
		{"prepared", func(ctx context.Context) error { return c.prepare(ctx, o) }},
		{"control plane and container runtimes run", c.startMachines},
		{"nodes are known", c.startKubelets},
		{"pod network is set up", func(ctx context.Context) error { return c.setUpPods(ctx, o) }},
	} {
		if err := s.run(ctx); err != nil {
			return err
		}
		fmt.Fprintf(c.out, "%5.1fs  %s\n", time.Since(begun).Seconds(), s.does)
	}
	return nil
}

func (c *Cluster) prepare(ctx context.Context, o Options) error {
	if err := c.emptyFolder(); err != nil {
		return err
	}
	if err := c.makeSecrets(o.Nodes); err != nil {
		return err
	}
	client, err := kube.New(c.Kubeconfig)
	if err != nil {
		return err
	}
	c.Kube = client
	if err := c.writeImages(ctx); err != nil {
		return err
	}
	return c.prepareMachine(ctx)
}

// emptyFolder removes what an earlier cluster left in Dir, and only that.
func (c *Cluster) emptyFolder() error {
	for _, name := range []string{"control", "nodes", "images"} {
		if err := os.RemoveAll(filepath.Join(c.Dir, name)); err != nil {
			return fmt.Errorf("empty the cluster's folder: %w", err)
		}
	}
	for _, name := range []string{"control", "nodes", "images"} {
		if err := os.MkdirAll(filepath.Join(c.Dir, name), 0o755); err != nil {
			return fmt.Errorf("make the cluster's folder: %w", err)
		}
	}
	return nil
}

func (c *Cluster) writeImages(ctx context.Context) error {
	dir := filepath.Join(c.Dir, "images")
	if err := binaries.Pause(ctx, dir); err != nil {
		return err
	}
	if err := images.Write(filepath.Join(dir, "pause.tar"), images.Pause(filepath.Join(dir, "pause"))); err != nil {
		return err
	}
	program, err := exec.LookPath("busybox")
	if err != nil {
		return fmt.Errorf("find busybox: %w", err)
	}
	busybox, err := images.Busybox(ctx, program)
	if err != nil {
		return err
	}
	return images.Write(filepath.Join(dir, "busybox.tar"), busybox)
}

// prepareMachine makes, and notes for Down, what the cluster changes on the machine.
func (c *Cluster) prepareMachine(ctx context.Context) error {
	for _, name := range kubeletSysctls() {
		if err := c.state.keepSysctl(name); err != nil {
			return err
		}
	}
	for _, dir := range privateFolders() {
		if err := c.state.makeFolder(dir); err != nil {
			return err
		}
	}
	if err := c.state.makeCgroups(); err != nil {
		return err
	}
	return c.makeBridge(ctx)
}

func (c *Cluster) startMachines(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return c.startControlPlane(ctx) })
	for _, n := range c.Nodes {
		group.Go(func() error { return c.makeNode(ctx, n) })
	}
	return group.Wait()
}

func (c *Cluster) startKubelets(ctx context.Context) error {
	group, groupCtx := errgroup.WithContext(ctx)
	for _, n := range c.Nodes {
		group.Go(func() error { return n.StartKubelet(groupCtx) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if err := c.Kube.Apply(ctx, manifests.NetworkAttachmentDefinition); err != nil {
		return err
	}
	if err := c.Kube.WaitServiceAccount(ctx, "default"); err != nil {
		return err
	}
	_, err := c.podRanges(ctx)
	return err
}

func (c *Cluster) setUpPods(ctx context.Context, o Options) error {
	if o.Plugins || o.CNI == Bridge {
		for _, n := range c.Nodes {
			if err := n.copyPrograms(c.binaries.Plugins); err != nil {
				return err
			}
		}
	}
	if o.CNI != Bridge {
		return nil
	}
	ranges, err := c.podRanges(ctx)
	if err != nil {
		return err
	}
	if err := c.installBridge(ctx, ranges); err != nil {
		return err
	}
	return c.WaitReady(ctx)
}

// WaitReady waits until every node is ready for pods.
func (c *Cluster) WaitReady(ctx context.Context) error {
	_, err := c.Kube.WaitNodes(ctx, len(c.Nodes), "ready", kube.NodeReady)
	return err
}

// Node returns the node of that name, nil when there is none.
func (c *Cluster) Node(name string) *Node {
	i := slices.IndexFunc(c.Nodes, func(n *Node) bool { return n.Name == name })
	if i < 0 {
		return nil
	}
	return c.Nodes[i]
}
