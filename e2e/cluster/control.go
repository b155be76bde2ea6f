package cluster

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
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
	etcd, err := c.control("etcd", stageEtcd, []string{
		"--data-dir=" + filepath.Join(c.Dir, "control", "etcd"),
		"--listen-client-urls=" + etcdClient, "--advertise-client-urls=" + etcdClient,
		"--listen-peer-urls=" + etcdPeer, "--initial-advertise-peer-urls=" + etcdPeer,
		"--initial-cluster=default=" + etcdPeer,
		"--unsafe-no-fsync", "--log-level=warn",
	})
	if err != nil {
		return err
	}
	return etcd.waitUntil(ctx, "listen", listening("tcp", hostOf(etcdClient)))
}

func (c *Cluster) startAPIServer(ctx context.Context) error {
	server, err := c.control("kube-apiserver", stageAPIServer, []string{
		"--etcd-servers=" + etcdClient,
		"--bind-address=" + hostIP, "--advertise-address=" + hostIP, "--secure-port=" + strconv.Itoa(apiPort),
		"--tls-cert-file=" + c.secret("apiserver.crt"), "--tls-private-key-file=" + c.secret("apiserver.key"),
		"--token-auth-file=" + c.secret("tokens.csv"),
		"--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction",
		"--service-account-key-file=" + c.secret("sa.key"), "--service-account-signing-key-file=" + c.secret("sa.key"),
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-cluster-ip-range=" + serviceCIDRs,
		"--allow-privileged=true",
		// Else exec looks the names of nodes up in DNS.
		"--kubelet-preferred-address-types=InternalIP",
	})
	if err != nil {
		return err
	}
	return server.waitUntil(ctx, "be ready", c.Kube.Ready)
}

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
