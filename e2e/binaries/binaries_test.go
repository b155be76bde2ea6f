package binaries

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// What the cluster starts must be among what the tool modules list.
func TestComponents(t *testing.T) {
	src, err := source(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, wanted := range map[string][]string{
		"kubernetes": {"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl", "kubelet"},
		"containerd": {"containerd", "containerd-shim-runc-v2", "ctr"},
		"nerdctl":    {"nerdctl"},
		"plugins":    {"bridge", "host-local", "loopback", "tap"},
	} {
		i := slices.IndexFunc(components(), func(c component) bool { return c.name == name })
		checkComponent(t, components()[i], src, wanted)
	}
}

func checkComponent(t *testing.T, c component, src string, wanted []string) {
	t.Helper()
	version, err := c.moduleVersion(t.Context(), src)
	if err != nil || !strings.HasPrefix(version, "v") {
		t.Errorf("version of %s: %q, %v", c.name, version, err)
	}
	pkgs, err := c.programs(src)
	if err != nil {
		t.Error(err)
	}
	var names []string
	for _, pkg := range pkgs {
		names = append(names, programName(pkg))
	}
	for _, name := range wanted {
		if !slices.Contains(names, name) {
			t.Errorf("%s has no %s: %v", c.name, name, names)
		}
	}
}

func TestMissing(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "etcd"), nil, 0o755); err != nil {
		t.Fatal(err)
	}
	pkgs := []string{"go.etcd.io/etcd/server/v3", "k8s.io/kubernetes/cmd/kubelet"}
	if got := missing(dir, pkgs); !slices.Equal(got, pkgs[1:]) {
		t.Errorf("missing: %v", got)
	}
}

func TestLockIsWaitedFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := lock(t.Context(), path, "x", &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := lock(short, path, "x", &out); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("while it is held: %v", err)
	}
	if !strings.Contains(out.String(), "waiting for another run that builds x") {
		t.Errorf("said: %q", out.String())
	}
	unlock()
	again, err := lock(t.Context(), path, "x", &out)
	if err != nil {
		t.Fatal(err)
	}
	again()
}
