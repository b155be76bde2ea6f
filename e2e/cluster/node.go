package cluster

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
)

// A Node is one machine of the cluster: a network namespace with a cable to the bridge, and a mount namespace with
// the folders of CNI, kubelet and containerd for itself. Both live as long as the holder does.
type Node struct {
	Name string
	IP   string
	IP6  string

	Containerd *Process
	Kubelet    *Process

	cluster *Cluster
	holder  process
}

// Path returns where this machine finds a file that the node knows as path, /run and all mounts included.
func (n *Node) Path(path string) string {
	return filepath.Join("/proc", strconv.Itoa(n.holder.PID), "root", path)
}

// Exec runs a command in the node's namespaces and returns its standard output.
func (n *Node) Exec(ctx context.Context, argv ...string) (string, error) {
	if !n.holder.alive() {
		return "", fmt.Errorf("exec on %s: the node is gone", n.Name)
	}
	out, err := runAs(ctx, argv, inCgroup(nodeCgroup(n.Name), n.enter(argv)))
	if err != nil {
		return out, fmt.Errorf("exec on %s: %w", n.Name, err)
	}
	return out, nil
}

// Start starts a long-lived program in the node's namespaces. Its log is in the cluster's folder, under the node's
// name. A program of the same name may be started again once it has ended.
func (n *Node) Start(name string, argv, env []string) (*Process, error) {
	return n.start(name, stageNode, argv, env)
}

func (n *Node) start(name string, stage stage, argv, env []string) (*Process, error) {
	if !n.holder.alive() {
		return nil, fmt.Errorf("start %s on %s: the node is gone", name, n.Name)
	}
	return n.cluster.state.start(launch{
		name:   n.Name + "/" + name,
		stage:  stage,
		cgroup: nodeCgroup(n.Name),
		argv:   n.enter(argv),
		env:    env,
		log:    n.log(name),
	})
}

// enter wraps a command line so that it runs in the node. It is nsenter, not `ip netns exec`, which remounts /sys:
// kubelet would find no cgroups.
func (n *Node) enter(argv []string) []string {
	return append([]string{"nsenter", "--target", strconv.Itoa(n.holder.PID), "--net", "--mount", "--"}, argv...)
}

// StartContainerd starts the node's container runtime and waits until it serves kubelet.
func (n *Node) StartContainerd(ctx context.Context) error {
	programs := n.cluster.binaries.Containerd
	argv := []string{filepath.Join(programs, "containerd"), "--config", n.file("containerd.toml")}
	// It finds its shim, and the shim runc, by PATH.
	env := []string{plainEnv()[0] + ":" + programs}
	p, err := n.start("containerd", stageNode, argv, env)
	if err != nil {
		return err
	}
	n.Containerd = p
	return p.waitUntil(ctx, "serve kubelet", n.runtimeServes)
}

// SetCNIFolders gives the node's container runtime other folders for CNI, as distributions do: one of configurations, one
// of plugins. It restarts the runtime; pods go on running.
func (n *Node) SetCNIFolders(ctx context.Context, confDir, binDir string) error {
	if err := os.WriteFile(n.file("containerd.toml"), []byte(containerdConfig(confDir, binDir)), 0o644); err != nil {
		return fmt.Errorf("write the configuration of containerd of %s: %w", n.Name, err)
	}
	if err := n.Containerd.Stop(); err != nil {
		return err
	}
	return n.StartContainerd(ctx)
}

// StartKubelet starts the node's kubelet and waits until it listens, which is when exec into pods works. The node
// registers itself with the API server soon after.
func (n *Node) StartKubelet(ctx context.Context) error {
	p, err := n.start("kubelet", stageKubelet, []string{
		filepath.Join(n.cluster.binaries.Kubernetes, "kubelet"),
		"--kubeconfig=" + n.cluster.secret(n.Name+".kubeconfig"),
		"--config=" + n.file("kubelet.yaml"),
		"--hostname-override=" + n.Name,
		"--node-ip=" + n.IP + "," + n.IP6,
	}, nil)
	if err != nil {
		return err
	}
	n.Kubelet = p
	return p.waitUntil(ctx, "listen", listening("tcp", net.JoinHostPort(n.IP, "10250")))
}

func (n *Node) file(name string) string { return filepath.Join(n.cluster.Dir, "nodes", n.Name, name) }

func (n *Node) log(name string) string { return n.file(filepath.Join("log", name+".log")) }
