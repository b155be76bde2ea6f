package cluster

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// makeNode makes the namespaces of a node and starts its container runtime, with images. Kubelet comes later, when
// there is an API server to speak with.
func (c *Cluster) makeNode(ctx context.Context, n *Node) error {
	if err := n.hold(); err != nil {
		return err
	}
	if err := c.plugIn(ctx, n.Name, n.holder.PID); err != nil {
		return err
	}
	for _, script := range []string{mountScript(n), networkScript(n)} {
		if _, err := n.Exec(ctx, "sh", "-euc", script); err != nil {
			return err
		}
	}
	if err := n.writeConfigs(); err != nil {
		return err
	}
	if err := n.StartContainerd(ctx); err != nil {
		return err
	}
	for _, image := range []string{"pause.tar", "busybox.tar"} {
		if err := n.ImportImage(ctx, filepath.Join(c.Dir, "images", image)); err != nil {
			return err
		}
	}
	return nil
}

// hold starts the process whose namespaces are the node.
func (n *Node) hold() error {
	for _, dir := range privateFolders() {
		if err := os.MkdirAll(n.file(filepath.Join("private", dir)), 0o755); err != nil {
			return fmt.Errorf("make folders of %s: %w", n.Name, err)
		}
	}
	holder, err := n.cluster.state.start(launch{
		name:    n.Name + "/holder",
		stage:   stageHolder,
		cgroup:  nodeCgroup(n.Name),
		argv:    []string{"sleep", "infinity"},
		log:     n.log("holder"),
		unshare: unix.CLONE_NEWNET | unix.CLONE_NEWNS, // its mounts are private from the start
	})
	if err != nil {
		return err
	}
	n.holder = holder.process
	return nil
}

// mountScript gives the node folders of its own, and a /sys that shows the node's links with the cgroups of the
// machine. Last, the mounts become a peer group: nothing leaks to the machine, and containers can see mounts made
// later, as those of network namespaces.
func mountScript(n *Node) string {
	var b strings.Builder
	b.WriteString(`
		mount -n -t tmpfs -o mode=755 run /run
		mkdir -p /run/netns /run/lock /run/cgroup
		mount --rbind /sys/fs/cgroup /run/cgroup
		umount -l /sys
		mount -t sysfs sysfs /sys
		mount --rbind /run/cgroup /sys/fs/cgroup
		umount -l /run/cgroup
		rmdir /run/cgroup
	`)
	for _, dir := range privateFolders() {
		fmt.Fprintf(&b, "mount --bind '%s' %s\n", n.file(filepath.Join("private", dir)), dir)
	}
	b.WriteString("mount --make-rshared /\n")
	return b.String()
}

// networkScript brings the node's side of its cable up. The nft table stands in for kube-proxy, for the one Service
// that an agent needs.
func networkScript(n *Node) string {
	return fmt.Sprintf(`
		ip link set lo up
		ip addr add %[1]s/24 dev eth0
		ip addr add %[2]s/64 dev eth0 nodad
		ip link set eth0 up
		ip route add default via %[3]s
		ip -6 route add default via %[4]s
		echo 1 > /proc/sys/net/ipv4/ip_forward
		echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
		nft -f - <<EOF
		table ip e2e-service {
			chain prerouting {
				type nat hook prerouting priority -100; policy accept;
				ip daddr %[5]s tcp dport 443 dnat to %[3]s:%[6]d
			}
			chain output {
				type nat hook output priority -100; policy accept;
				ip daddr %[5]s tcp dport 443 dnat to %[3]s:%[6]d
			}
			chain postrouting {
				type nat hook postrouting priority 100; policy accept;
				ip daddr %[3]s tcp dport %[6]d ct status dnat masquerade
			}
		}
EOF
	`, n.IP, n.IP6, hostIP, hostIP6, apiService, apiPort)
}

func (n *Node) writeConfigs() error {
	if err := os.MkdirAll(n.StaticPods(), 0o755); err != nil {
		return fmt.Errorf("make folder for static pods of %s: %w", n.Name, err)
	}
	files := map[string]string{
		"containerd.toml": containerdConfig(confFolder, binFolder),
		"kubelet.yaml":    kubeletConfig(n),
		// The machine's own may be a link into /run, which is the node's own.
		"resolv.conf": "# pods of the test cluster have no resolver\n",
	}
	for name, content := range files {
		if err := os.WriteFile(n.file(name), []byte(content), 0o644); err != nil {
			return fmt.Errorf("write %s of %s: %w", name, n.Name, err)
		}
	}
	return nil
}
