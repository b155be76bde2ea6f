package nerdctl

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/braid-cni/braid/docs"
	"github.com/braid-cni/braid/e2e/images"
)

const (
	checkout = "../.."
	page     = "docs/user/nerdctl.md"
)

func TestPage(t *testing.T) {
	if os.Getenv(inside) == "" {
		t.Skip("needs root: containers are made of namespaces and cgroups")
	}
	t.Setenv("PATH", os.Getenv(inside)+":"+os.Getenv("PATH"))
	must(t, "ip", "link", "set", "lo", "up")
	startContainerd(t)
	loadBusybox(t)
	before := links(t) + leases(t)
	ran := 0
	for _, b := range blocks(t) {
		switch place, err := b.Place(); {
		case err != nil:
			t.Fatal(err)
		case b.Language != docs.Commands:
			write(t, b)
		case place == docs.Nerdctl:
			if err := b.Run(t.Context(), func(cmd *exec.Cmd) { cmd.Dir = checkout }); err != nil {
				t.Fatal(err)
			}
			ran++
		}
		if strings.Contains(b.Text, "nerdctl run") {
			checkContainers(t)
		}
	}
	if ran == 0 {
		t.Error("the page has no commands")
	}
	// nerdctl answers when a container is dead; the hook that calls plugins may run on.
	for deadline := time.Now().Add(30 * time.Second); links(t)+leases(t) != before && time.Now().Before(deadline); {
		time.Sleep(100 * time.Millisecond)
	}
	if after := links(t) + leases(t); after != before {
		t.Errorf("left behind:\n%s\nbefore:\n%s", after, before)
	}
}

// leases are the files of addresses that are given.
func leases(t *testing.T) string {
	t.Helper()
	found, err := filepath.Glob("/var/lib/cni/networks/*/10.*")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(found, "\n")
}

// blocks are those of the page, in its order.
func blocks(t *testing.T) (found []docs.Block) {
	t.Helper()
	all, err := docs.Blocks(os.DirFS(checkout))
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range all {
		if b.Page == page {
			found = append(found, b)
		}
	}
	return found
}

// write writes a file with the name that the paragraph above says.
func write(t *testing.T, b docs.Block) {
	t.Helper()
	for _, file := range docs.Code(b.Above) {
		if strings.HasPrefix(file, "/") {
			if err := os.WriteFile(file, []byte(b.Text), 0o644); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Errorf("%s: the paragraph above names no file", b)
}

// checkContainers compares what the kernel has in the containers' namespaces with what the page's files ask for.
func checkContainers(t *testing.T) {
	t.Helper()
	for name, want := range map[string]string{
		"web": "eth0 1500 10.40.0.2/24\nnet1 9000 10.41.0.2/24\ndefault via 10.40.0.1 dev eth0\n",
		"db":  "eth0 1500 10.40.0.9/24\nnet1 9000 10.41.0.3/24\ndefault via 10.40.0.1 dev eth0\n",
	} {
		pid := strings.TrimSpace(must(t, "nerdctl", "inspect", "-f", "{{.State.Pid}}", name))
		within := func(args ...string) string {
			return must(t, "nsenter", append([]string{"--net=/proc/" + pid + "/ns/net"}, args...)...)
		}
		var got strings.Builder
		for _, ifname := range []string{"eth0", "net1"} {
			_, mtu, _ := strings.Cut(within("ip", "-o", "link", "show", ifname), " mtu ")
			_, address, _ := strings.Cut(within("ip", "-o", "-4", "address", "show", ifname), " inet ")
			fmt.Fprintln(&got, ifname, strings.Fields(mtu)[0], strings.Fields(address)[0])
		}
		got.WriteString(strings.Join(strings.Fields(within("ip", "route", "show", "default"))[:5], " ") + "\n")
		if got.String() != want {
			t.Errorf("%s has\n%swant\n%s", name, got.String(), want)
		}
	}
}

func startContainerd(t *testing.T) {
	t.Helper()
	log, err := os.Create(filepath.Join(t.TempDir(), "containerd.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command("containerd")
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Error(err)
		}
		_ = cmd.Wait() // an interrupt is a failure to it
		if text, _ := os.ReadFile(log.Name()); t.Failed() {
			t.Logf("containerd:\n%s", text[max(0, len(text)-3000):])
		}
	})
	for deadline := time.Now().Add(20 * time.Second); exec.Command("ctr", "version").Run() != nil; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("containerd does not answer")
		}
	}
}

// loadBusybox gives containerd the image that the page takes from a registry.
func loadBusybox(t *testing.T) {
	t.Helper()
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		t.Fatal(err)
	}
	image, err := images.Busybox(t.Context(), busybox)
	if err != nil {
		t.Fatal(err)
	}
	image.Name, image.Entrypoint = "docker.io/library/busybox:stable", nil
	file := filepath.Join(t.TempDir(), "busybox.tar")
	if err := images.Write(file, image); err != nil {
		t.Fatal(err)
	}
	must(t, "nerdctl", "load", "-i", file)
}

func links(t *testing.T) string { return must(t, "ip", "-o", "link") }

// must runs a program and returns what it writes to standard output.
func must(t *testing.T, program string, args ...string) string {
	t.Helper()
	cmd := exec.Command(program, args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", program, strings.Join(args, " "), err, out, stderr.String())
	}
	return string(out)
}
