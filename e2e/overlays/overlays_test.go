package overlays

import (
	"context"
	"fmt"
	"path"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/braid-cni/braid/e2e/cluster"
	"github.com/braid-cni/braid/e2e/install"
	"github.com/braid-cni/braid/e2e/kube"
	"github.com/braid-cni/braid/e2e/suite"
)

// A distribution has an overlay, and on each node what it is for.
type distribution struct {
	name            string
	confDir, binDir string // of the container runtime
	other           string // where the distribution's CNI writes its configuration
}

func distributions() []distribution {
	const k3s = "/var/lib/rancher/k3s/agent/etc/cni/net.d"
	return []distribution{
		{"k3s", k3s, "/var/lib/rancher/k3s/data/cni", k3s + "/10-flannel.conflist"},
		{"rke2", "/etc/cni/net.d", "/opt/cni/bin", "/etc/cni/net.d/10-canal.conflist"},
		{"openshift", "/etc/kubernetes/cni/net.d", "/var/lib/cni/bin", "/run/multus/cni/net.d/10-ovn-kubernetes.conf"},
	}
}

// network is made by a plugin that is executed: it is found where the distribution has it.
const network = `
apiVersion: k8s.cni.cncf.io/v1
kind: NetworkAttachmentDefinition
metadata: {name: lan}
spec: {config: '{"cniVersion":"1.0.0","type":"macvlan","master":"eth0","ipam":{"type":"host-local","ranges":[[{"subnet":"10.12.0.0/24"}]]}}'}
`

// Each overlay finds the distribution's CNI, is found by its runtime, and goes without a trace.
func TestOverlays(t *testing.T) {
	for _, d := range distributions() {
		t.Run(d.name, func(t *testing.T) {
			test := shared.Start(t)
			d.prepare(test)
			overlay, conflist := "deploy/overlays/"+d.name, path.Join(d.confDir, path.Base(install.Conflist))
			t.Cleanup(func() { remove(test, overlay) })
			if err := install.Apply(test.Ctx, test.Cluster, overlay, conflist); err != nil {
				t.Fatal(err)
			}
			test.Sub("with Braid", func(t *suite.Test) {
				t.Apply(network)
				has(t, t.RunPods(asking("with"))[0], "eth0", "net1")
			})
			remove(test, overlay)
			if err := install.Absent(test.Ctx, test.Nodes[0], conflist); err != nil {
				t.Error(err)
			}
			d.withoutBraid(test)
		})
	}
}

// prepare gives the node the distribution's folders, with the reference bridge in the part of its CNI, until the test ends.
func (d distribution) prepare(t *suite.Test) {
	t.Helper()
	// The kind comes with two of the overlays; what OpenShift brings itself is here from the start.
	if _, err := install.Kubectl(t.Ctx, t.Cluster, "apply", "-k", "deploy/crds"); err != nil {
		t.Fatal(err)
	}
	n := t.Nodes[0]
	aside := "/run/aside"
	onNode(t, fmt.Sprintf(`
		mkdir -p %[1]s %[2]s %[3]s %[4]s %[4]s/bin
		mv %[5]s %[4]s/conflist && mv /opt/cni/bin/* %[4]s/bin/
		mv %[4]s/conflist %[6]s && mv %[4]s/bin/* %[2]s/`,
		d.confDir, d.binDir, path.Dir(d.other), aside, cluster.BridgeConflist, d.other))
	t.Cleanup(func() {
		onNode(t, fmt.Sprintf(`
			mkdir -p %[1]s/bin
			mv %[2]s %[1]s/conflist && mv %[3]s/* %[1]s/bin/
			mv %[1]s/conflist %[4]s && mv %[1]s/bin/* /opt/cni/bin/`,
			aside, d.other, d.binDir, cluster.BridgeConflist))
		restartWith(t, n, path.Dir(cluster.BridgeConflist), "/opt/cni/bin")
	})
	restartWith(t, n, d.confDir, d.binDir)
}

func restartWith(t *suite.Test, n *cluster.Node, confDir, binDir string) {
	t.Helper()
	if err := n.SetCNIFolders(context.WithoutCancel(t.Ctx), confDir, binDir); err != nil {
		t.Fatal(err)
	}
}

// withoutBraid checks that pods start as before Braid, unless the distribution's CNI leaves its file for a meta plugin.
func (d distribution) withoutBraid(t *suite.Test) {
	t.Helper()
	if path.Dir(d.other) != d.confDir {
		return
	}
	if err := t.Nodes[0].WaitUses(t.Ctx, d.other); err != nil {
		t.Fatal(err)
	}
	if err := t.WaitReady(t.Ctx); err != nil {
		t.Fatal(err)
	}
	t.Sub("without Braid", func(t *suite.Test) { has(t, t.RunPods(asking("without"))[0], "eth0") })
}

func remove(t *suite.Test, overlay string) {
	t.Helper()
	if _, err := install.Kubectl(context.WithoutCancel(t.Ctx), t.Cluster, "delete", "--ignore-not-found", "-k", overlay); err != nil {
		t.Error(err)
	}
}

func asking(name string) *corev1.Pod {
	return kube.Busybox(name, "", map[string]string{"k8s.v1.cni.cncf.io/networks": "lan"})
}

// has checks that a pod has these interfaces and no others, each with an address.
func has(t *suite.Test, pod *corev1.Pod, want ...string) {
	t.Helper()
	if got := t.Interfaces(pod); !slices.Equal(got, want) {
		t.Errorf("pod %s has %q, want %q", pod.Name, got, want)
	}
}

func onNode(t *suite.Test, script string) {
	t.Helper()
	if _, err := t.Nodes[0].Exec(context.WithoutCancel(t.Ctx), "sh", "-euc", script); err != nil {
		t.Fatal(err)
	}
}
