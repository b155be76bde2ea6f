package kernel_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/braid-cni/braid/kernel"
	"github.com/braid-cni/braid/kernel/kerneltest"
)

func TestOpenNetns(t *testing.T) {
	w := kerneltest.NewReal(t)
	netns := w.Netns(t)
	root := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(root, "run/netns"), 0o755), os.MkdirAll(filepath.Join(root, "etc"), 0o755),
		os.WriteFile(filepath.Join(root, "run/netns/plain"), nil, 0o644),
		os.WriteFile(filepath.Join(root, "run/netns/bound"), nil, 0o644),
		unix.Mkfifo(filepath.Join(root, "run/netns/fifo"), 0o644),
		// Inside the root both lead to run/netns/bound, for what looks at the host's file system to nowhere.
		os.Symlink("/run/netns/bound", filepath.Join(root, "run/netns/absolute")),
		os.Symlink("../../../../../run/netns/bound", filepath.Join(root, "run/netns/upwards")),
		unix.Mount(netns, filepath.Join(root, "run/netns/bound"), "", unix.MS_BIND, ""))
	t.Cleanup(func() { must(t, unix.Unmount(filepath.Join(root, "run/netns/bound"), unix.MNT_DETACH)) })
	own := fmt.Sprintf("/proc/%d/ns/", os.Getpid())
	for _, tt := range []struct {
		name, root, path string
		err              error
	}{
		{"bound", root, "/run/netns/bound", nil},
		{"relative", root, "run/netns/bound", nil},
		{"absolute link stays in the root", root, "/run/netns/absolute", nil},
		{"relative link stays in the root", root, "/run/netns/upwards", nil},
		{"absent", root, "/run/netns/none", kernel.ErrNoNetns},
		{"below a file", root, "/run/netns/plain/x", kernel.ErrNoNetns},
		{"plain file", root, "/run/netns/plain", kernel.ErrNoNetns},
		{"fifo", root, "/run/netns/fifo", kernel.ErrNoNetns},
		{"directory", root, "/run/netns", kernel.ErrNoNetns},
		{"empty", root, "", kernel.ErrNoNetns},
		{"of a process", "/", own + "net", nil},
		{"of a process, another kind", "/", own + "mnt", kernel.ErrNoNetns},
		{"of a file descriptor", "/", netns, nil},
		{"no root", root + "/none", "/run/netns/bound", kernel.ErrNoNetns},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file, err := kernel.OpenNetns(tt.root, tt.path)
			if !errors.Is(err, tt.err) {
				t.Fatalf("error %v, want %v", err, tt.err)
			}
			if err == nil {
				must(t, file.Close())
			}
		})
	}
}

func TestOpenHost(t *testing.T) {
	w := kerneltest.NewReal(t)
	if _, err := w.Kernel.Open(w.Host); !errors.Is(err, kernel.ErrHostNetns) {
		t.Errorf("the host's namespace as a pod's: %v", err)
	}
	own := kernel.New(kernel.Options{})
	if _, err := own.Open("/proc/self/ns/net"); !errors.Is(err, kernel.ErrHostNetns) {
		t.Errorf("the own namespace as a pod's: %v", err)
	}
	// Reading the machine's own namespace changes nothing in it.
	h, err := own.Host()
	must(t, err)
	defer h.Close()
	if _, err := h.Link("lo"); err != nil {
		t.Error(err)
	}
	value, err := h.Sysctl("net/ipv4/conf/lo/forwarding")
	if err != nil || value == "" {
		t.Errorf("sysctl %q: %v", value, err)
	}
}
