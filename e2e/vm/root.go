package vm

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

const (
	moduleTree = "/usr/lib/uml/modules"
	overlay    = moduleTree + "/*/kernel/fs/overlayfs/overlay.ko"
	newRoot    = "/run/root"
)

// A mountPoint is one mount of the guest, in the order of the table.
type mountPoint struct {
	source, target, kind string
	flags                uintptr
	data                 string
}

// prepare makes the guest a machine to run tests on: a root of its own, the
// usual mounts, kernel modules on request, the loopback link up.
func prepare() error {
	if err := moveToOverlay(); err != nil {
		return err
	}
	if err := mountAll(guestMounts()); err != nil {
		return err
	}
	// The rest the kernel loads by itself when a link kind, a protocol or a
	// queueing discipline is asked for. These two are only ever looked for.
	if err := output("modprobe", "-a", "ipv6", "tun"); err != nil {
		return err
	}
	if err := syscall.Sethostname([]byte("vm")); err != nil {
		return fmt.Errorf("set host name: %w", err)
	}
	return output("ip", "link", "set", "lo", "up")
}

// moveToOverlay makes the root writable: reads fall through to the machine's
// files, writes stay in the guest's memory. pivot_root rather than chroot,
// since the kernel's own helpers (modprobe) must see the new root too.
func moveToOverlay() error {
	if err := mountAll([]mountPoint{{"tmpfs", "/run", "tmpfs", 0, "mode=755"}}); err != nil {
		return err
	}
	for _, dir := range []string{"/run/upper", "/run/work", newRoot} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
	}
	modules, err := filepath.Glob(overlay)
	if err != nil || len(modules) != 1 {
		return fmt.Errorf("find one %s: have %d", overlay, len(modules))
	}
	if err := output("insmod", modules[0]); err != nil {
		return err
	}
	layers := "lowerdir=/,upperdir=/run/upper,workdir=/run/work"
	if err := mountAll([]mountPoint{{"overlay", newRoot, "overlay", 0, layers}}); err != nil {
		return err
	}
	return pivot()
}

func pivot() error {
	old := filepath.Join(newRoot, "run")
	if err := syscall.PivotRoot(newRoot, old); err != nil {
		return fmt.Errorf("make %s the root: %w", newRoot, err)
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	if err := syscall.Unmount("/run", syscall.MNT_DETACH); err != nil {
		return fmt.Errorf("leave the old root: %w", err)
	}
	return nil
}

func guestMounts() []mountPoint {
	const plain = syscall.MS_NOSUID | syscall.MS_NODEV | syscall.MS_NOEXEC
	return []mountPoint{
		{"proc", "/proc", "proc", plain, ""},
		{"sysfs", "/sys", "sysfs", plain, ""},
		{"devtmpfs", "/dev", "devtmpfs", syscall.MS_NOSUID, "mode=755"},
		{"devpts", "/dev/pts", "devpts", 0, ""},
		{"tmpfs", "/dev/shm", "tmpfs", 0, "mode=1777"},
		{"tmpfs", "/run", "tmpfs", 0, "mode=755"},
		// Where modprobe looks; the machine's own modules are of no use here.
		{moduleTree, "/lib/modules", "", syscall.MS_BIND, ""},
		{"cgroup2", "/sys/fs/cgroup", "cgroup2", plain, ""},
	}
}

func mountAll(points []mountPoint) error {
	for _, m := range points {
		if err := os.MkdirAll(m.target, 0o755); err != nil {
			return err
		}
		if err := syscall.Mount(m.source, m.target, m.kind, m.flags, m.data); err != nil {
			return fmt.Errorf("mount %s on %s: %w", m.source, m.target, err)
		}
	}
	return nil
}

// output runs a command whose output matters only when it fails.
func output(name string, args ...string) error {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
