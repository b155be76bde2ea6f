package cluster

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
)

// startControlPlane starts etcd, API server, controller manager and scheduler, each when the one before is ready.
func (c *Cluster) startControlPlane(ctx context.Context) error {
	if err := c.startEtcd(ctx); err != nil {
		return err
	}
	if err := c.startAPIServer(ctx); err != nil {
		return err
	}
	if _, err := c.control("kube-controller-manager", stageController, c.controllerManagerArgs()); err != nil {
		return err
	}
	_, err := c.control("kube-scheduler", stageController, []string{
		"--kubeconfig=" + c.Kubeconfig, "--leader-elect=false", "--secure-port=0",
	})
	return err
}

func (c *Cluster) startEtcd(ctx context.Context) error {
	etcd, err := c.control("etcd", stageEtcd, c.plane().etcdArgs())
	if err != nil {
		return err
	}
	return etcd.waitUntil(ctx, "listen", listening("tcp", hostOf(etcdClient)))
}

func (c *Cluster) startAPIServer(ctx context.Context) error {
	server, err := c.control("kube-apiserver", stageAPIServer, append(c.plane().apiServerArgs(), "--advertise-address="+hostIP))
	if err != nil {
		return err
	}
	return server.waitUntil(ctx, "be ready", c.Kube.Ready)
}

// plane is the cluster's part of a control plane that keeps state.
func (c *Cluster) plane() plane { return plane{dir: filepath.Join(c.Dir, "control"), ip: hostIP} }

func (c *Cluster) controllerManagerArgs() []string {
	return []string{
		"--kubeconfig=" + c.Kubeconfig, "--leader-elect=false", "--secure-port=0",
		"--root-ca-file=" + c.secret("ca.crt"), "--service-account-private-key-file=" + c.secret("sa.key"),
		"--allocate-node-cidrs", "--cluster-cidr=" + podCIDRs, "--service-cluster-ip-range=" + serviceCIDRs,
	}
}

func (c *Cluster) control(program string, stage stage, args []string) (*Process, error) {
	return c.state.start(launch{
		name:   program,
		stage:  stage,
		cgroup: controlCgroup(),
		argv:   append([]string{filepath.Join(c.binaries.Kubernetes, program)}, args...),
		log:    filepath.Join(c.Dir, "control", program+".log"),
	})
}

func listening(network, address string) func(context.Context) bool {
	return func(ctx context.Context) bool {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if err != nil {
			return false
		}
		conn.Close()
		return true
	}
}

func hostOf(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return fmt.Sprintf("invalid URL %q", rawURL)
	}
	return u.Host
}
