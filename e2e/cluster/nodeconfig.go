package cluster

import (
	"fmt"

	"github.com/braid-cni/braid/e2e/images"
)

// containerdConfig is of paths inside the node, and the same on all nodes but for the folders of CNI.
func containerdConfig(confDir, binDir string) string {
	return fmt.Sprintf(`version = 3
root = "/var/lib/containerd"
state = "/run/containerd"
imports = []

[grpc]
  address = %q

[plugins."io.containerd.internal.v1.opt"]
  path = "/var/lib/containerd/opt"

[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = %q

[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = [%q]
    conf_dir = %q
`, containerdSocket, images.PauseName, binDir, confDir)
}

// kubeletConfig: images are never collected, since no registry could bring them back; statuses, and containers that are
// started again, are quick, since tests wait for them.
func kubeletConfig(n *Node) string {
	return fmt.Sprintf(`apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
containerRuntimeEndpoint: unix://%s
cgroupDriver: cgroupfs
cgroupRoot: /%s/%s
failSwapOn: false
failCgroupV1: false
authentication: {anonymous: {enabled: true}, webhook: {enabled: false}}
authorization: {mode: AlwaysAllow}
clusterDNS: [%q]
clusterDomain: cluster.local
resolvConf: %q
staticPodPath: %q
volumePluginDir: /var/lib/kubelet/volume-plugins
evictionHard: {nodefs.available: "1%%", imagefs.available: "1%%", nodefs.inodesFree: "1%%"}
imageGCHighThresholdPercent: 100
enforceNodeAllocatable: []
makeIPTablesUtilChains: false
nodeStatusUpdateFrequency: 2s
crashLoopBackOff: {maxContainerRestartPeriod: 1s}
`, containerdSocket, cgroupRoot, n.Name, dnsService, n.file("resolv.conf"), n.StaticPods())
}

// StaticPods is the folder, on this machine, whose files the node's kubelet runs as pods.
func (n *Node) StaticPods() string { return n.file("static") }
