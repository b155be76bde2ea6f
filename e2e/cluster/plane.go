package cluster

import (
	"fmt"
	"path/filepath"
	"strconv"
)

// A plane is where etcd and the API server keep their files, and the address that the API server listens on.
type plane struct{ dir, ip string }

func (p plane) url() string { return fmt.Sprintf("https://%s:%d", p.ip, apiPort) }

func (p plane) secret(name string) string { return filepath.Join(p.dir, name) }

func (p plane) etcdArgs() []string {
	return []string{
		"--data-dir=" + filepath.Join(p.dir, "etcd"),
		"--listen-client-urls=" + etcdClient, "--advertise-client-urls=" + etcdClient,
		"--listen-peer-urls=" + etcdPeer, "--initial-advertise-peer-urls=" + etcdPeer,
		"--initial-cluster=default=" + etcdPeer,
		"--unsafe-no-fsync", "--log-level=warn",
	}
}

func (p plane) apiServerArgs() []string {
	return []string{
		"--etcd-servers=" + etcdClient,
		"--bind-address=" + p.ip, "--secure-port=" + strconv.Itoa(apiPort),
		"--tls-cert-file=" + p.secret("apiserver.crt"), "--tls-private-key-file=" + p.secret("apiserver.key"),
		"--token-auth-file=" + p.secret("tokens.csv"),
		"--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction",
		"--service-account-key-file=" + p.secret("sa.key"), "--service-account-signing-key-file=" + p.secret("sa.key"),
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-cluster-ip-range=" + serviceCIDRs,
		"--allow-privileged=true",
		// Else exec looks the names of nodes up in DNS.
		"--kubelet-preferred-address-types=InternalIP",
	}
}
