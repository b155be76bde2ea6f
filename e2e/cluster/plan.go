package cluster

import "fmt"

// What the cluster is called on the machine. There is one cluster at a time, so names are constants, and whatever
// carries one of them is ours.
const (
	stateFile  = "/run/braid-e2e.json"
	cgroupRoot = "braid-e2e"
	bridgeName = "braid-e2e"
)

// Addresses. The API server listens on the bridge only, etcd on loopback, away from the port of a real one.
const (
	hostIP       = "172.30.0.1"
	hostIP6      = "fd00:172:30::1"
	apiPort      = 6443
	etcdClient   = "http://127.0.0.1:22379"
	etcdPeer     = "http://127.0.0.1:22380"
	podCIDRs     = "10.244.0.0/16,fd00:10:244::/56"
	serviceCIDRs = "10.96.0.0/16,fd00:10:96::/112"
	apiService   = "10.96.0.1" // the first of serviceCIDRs: the Service named kubernetes
	dnsService   = "10.96.0.10"
	maxNodes     = 200
)

// Where containerd listens, inside a node.
const containerdSocket = "/run/containerd/containerd.sock"

func nodeName(i int) string { return fmt.Sprintf("node%d", i) }

func nodeIP(i int) string { return fmt.Sprintf("172.30.0.%d", 10+i) }

func nodeIP6(i int) string { return fmt.Sprintf("fd00:172:30::%x", 0x10+i) }

// hostLink is the machine's end of a node's cable.
func hostLink(node string) string { return "be2e-" + node }

// privateFolders are those that each node has for itself; all others of the machine's root it sees as they are. Those of
// OpenShift and of Rancher's distributions are among them.
func privateFolders() []string {
	return []string{
		confFolder, binFolder, "/etc/kubernetes", "/var/lib/rancher", "/var/lib/cni", "/var/lib/braid",
		"/var/lib/containerd", "/var/lib/kubelet", "/var/log/containers", "/var/log/pods",
	}
}

// kubeletSysctls are set by kubelet for the whole machine when it starts.
func kubeletSysctls() []string {
	return []string{
		"vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops",
		"kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes",
	}
}
