// Package docs does on a cluster what the pages tell administrators and users: every block for kubectl, every manifest,
// and every block for a node.
package docs

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/braid-cni/braid/cluster/files"
	"github.com/braid-cni/braid/docs"
	"github.com/braid-cni/braid/e2e/binaries"
	"github.com/braid-cni/braid/e2e/cluster"
	"github.com/braid-cni/braid/e2e/images"
	"github.com/braid-cni/braid/e2e/install"
	"github.com/braid-cni/braid/e2e/suite"
	"github.com/braid-cni/braid/netattach"
)

const checkout = "../.."

var shared suite.Suite

func TestMain(m *testing.M) {
	os.Exit(shared.Main(m, cluster.Options{Nodes: 2, CNI: cluster.Bridge}, func(ctx context.Context, c *cluster.Cluster) error {
		if err := loadBusybox(ctx, c); err != nil {
			return err
		}
		return install.Image(ctx, c)
	}))
}

// loadBusybox gives the nodes the image that the manifests take from a registry.
func loadBusybox(ctx context.Context, c *cluster.Cluster) error {
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		return fmt.Errorf("find busybox: %w", err)
	}
	image, err := images.Busybox(ctx, busybox)
	if err != nil {
		return err
	}
	image.Name, image.Entrypoint = "docker.io/library/busybox:stable", nil
	for _, n := range c.Nodes {
		if err := n.LoadImage(ctx, image); err != nil {
			return err
		}
	}
	return nil
}

// The blocks for kubectl are one story: the first installs Braid, the last remove it.
func TestPages(t *testing.T) {
	test := shared.Start(t)
	all, err := docs.Blocks(os.DirFS(checkout))
	if err != nil {
		t.Fatal(err)
	}
	story := docs.At(all, docs.Admin)
	if len(story) == 0 || !strings.HasPrefix(story[0].Text, "kubectl apply -k deploy/\n") {
		t.Fatal("the pages' first words to an administrator are not how to install Braid")
	}
	test.Sub("install", func(t *suite.Test) {
		administer(t, story[0])
		if err := install.Apply(t.Ctx, t.Cluster, install.Folder, install.Conflist); err != nil {
			t.Fatal(err)
		}
	})
	test.Sub("manifests", func(t *suite.Test) { tryManifests(t, all) })
	test.Sub("node", func(t *suite.Test) { lookAround(t, docs.At(all, docs.Node)) })
	for _, b := range story[1:] {
		test.Sub(b.Page+"#"+b.Heading, func(t *suite.Test) { administer(t, b) })
	}
}

// administer types a block at the root of the checkout. NODE stands for the name of a node.
func administer(t *suite.Test, b docs.Block) {
	t.Helper()
	programs, err := binaries.Ensure(t.Ctx, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	b.Text = strings.ReplaceAll(b.Text, " NODE ", " "+t.Nodes[0].Name+" ")
	err = b.Run(t.Ctx, func(cmd *exec.Cmd) {
		cmd.Dir = checkout
		// Nothing of a proxy: the cluster is on this machine.
		cmd.Env = []string{"KUBECONFIG=" + t.Kubeconfig, "PATH=" + programs.Kubernetes + ":" + os.Getenv("PATH"), "HOME=" + os.TempDir()}
	})
	if err != nil {
		t.Error(err)
	}
}

// tryManifests applies every manifest with pods, and finds in each pod the interfaces that its annotation asks for.
func tryManifests(t *suite.Test, all []docs.Block) {
	found := 0
	for _, b := range all {
		if b.Language != "yaml" || !strings.Contains(b.Text, "kind: Pod") {
			continue
		}
		found++
		t.Sub(b.Page+"#"+b.Heading, func(t *suite.Test) {
			objects, err := files.Parse(strings.NewReader(b.Text))
			if err != nil {
				t.Fatal(err)
			}
			t.Apply(b.Text)
			for _, pod := range objects.Pods {
				running, err := t.Kube.WaitRunning(t.Ctx, pod.Namespace, pod.Name)
				if err != nil {
					t.Fatal(err)
				}
				checkInterfaces(t, running)
			}
		})
	}
	if found == 0 {
		t.Error("no manifest was found")
	}
}

func checkInterfaces(t *suite.Test, pod *corev1.Pod) {
	t.Helper()
	picks, err := netattach.ParseNetworks(pod.Annotations[netattach.NetworksAnnotation], pod.Namespace)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"eth0", "lo"}
	for i, pick := range picks {
		name := pick.InterfaceRequest
		if name == "" {
			name = fmt.Sprintf("net%d", i+1)
		}
		want = append(want, name)
	}
	got := strings.Fields(t.Exec(pod, "ls", "/sys/class/net"))
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("pod %s has %q, want %q", pod.Name, got, want)
	}
	// What the kernel has, for the recipes that promise more than an interface.
	for name, wanted := range map[string]string{"storage0": "9000\n", "tap0": "1500\n"} {
		if slices.Contains(want, name) {
			if mtu := t.Exec(pod, "cat", "/sys/class/net/"+name+"/mtu"); mtu != wanted {
				t.Errorf("%s: MTU %s", name, mtu)
			}
		}
	}
	if slices.Contains(want, "tap0") {
		checkTap(t, pod)
	}
}

// checkTap finds a tap, of its owner, without an address.
func checkTap(t *suite.Test, pod *corev1.Pod) {
	t.Helper()
	const isTap = 0x2 // IFF_TAP of linux/if_tun.h
	var flags int
	if _, err := fmt.Sscanf(t.Exec(pod, "cat", "/sys/class/net/tap0/tun_flags"), "0x%x", &flags); err != nil || flags&isTap == 0 {
		t.Errorf("tap0 is no tap: flags %#x, %v", flags, err)
	}
	if owner := t.Exec(pod, "cat", "/sys/class/net/tap0/owner"); owner != "107\n" {
		t.Errorf("tap0 is owned by %s", owner)
	}
	if address := t.Exec(pod, "ip", "-4", "-o", "address", "show", "dev", "tap0"); address != "" {
		t.Errorf("tap0 has an address: %s", address)
	}
}

// lookAround types the blocks for a node on one where a pod runs.
func lookAround(t *suite.Test, blocks []docs.Block) {
	dir := t.TempDir()
	build := exec.CommandContext(t.Ctx, "go", "build", "-tags", "nocluster", "-o", dir, "./cmd/braidctl")
	build.Dir = checkout
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build braidctl: %v\n%s", err, out)
	}
	t.RunPodOnEach("seen", nil)
	if len(blocks) == 0 {
		t.Error("no command was found")
	}
	for _, b := range blocks {
		t.Sub(b.Page+"#"+b.Heading, func(t *suite.Test) {
			script := fmt.Sprintf("cd %s\nPATH=%s:$PATH\n%s", t.TempDir(), dir, strings.Join(b.Lines(), "\n"))
			out, err := t.Nodes[0].Exec(t.Ctx, "sh", "-euxc", script)
			if err != nil {
				t.Fatalf("%s: %v\n%s", b, err, out)
			}
			if err := docs.Printed(b.Output, out); err != nil {
				t.Errorf("%s: %v", b, err)
			}
		})
	}
}
