package kernel

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

func (n *linuxNetns) Sysctl(name string) (string, error) {
	var value []byte
	err := n.do(func() error {
		var err error
		value, err = os.ReadFile(n.sysctlPath(name))
		return err
	})
	if err != nil {
		return "", fmt.Errorf("read sysctl %s: %w", name, err)
	}
	return strings.TrimSpace(string(value)), nil
}

// SetSysctls moves a thread once for all settings.
func (n *linuxNetns) SetSysctls(settings ...Setting) error {
	return n.do(func() error {
		for _, s := range settings {
			if err := n.change("set sysctl", func() error { return n.writeSysctl(s) }); err != nil {
				return fmt.Errorf("set sysctl %s to %s: %w", s.Name, s.Value, err)
			}
		}
		return nil
	})
}

// writeSysctl leaves a value alone that is right: /proc/sys may be read-only, and forwarding set anew resets others.
func (n *linuxNetns) writeSysctl(s Setting) error {
	// Without O_CREAT a name that does not exist is ENOENT.
	fd, err := unix.Open(n.sysctlPath(s.Name), unix.O_RDWR|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) && s.Optional {
		return nil
	}
	if errors.Is(err, unix.EROFS) {
		return n.readOnly(s, err)
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	var now [64]byte
	if length, err := unix.Pread(fd, now[:], 0); err == nil && strings.TrimSpace(string(now[:length])) == s.Value {
		return nil
	}
	_, err = unix.Pwrite(fd, []byte(s.Value), 0)
	return err
}

// readOnly is success when the value that cannot be written is the right one.
func (n *linuxNetns) readOnly(s Setting, cause error) error {
	now, err := os.ReadFile(n.sysctlPath(s.Name))
	if err == nil && strings.TrimSpace(string(now)) == s.Value {
		return nil
	}
	return cause
}

func (n *linuxNetns) sysctlPath(name string) string {
	return filepath.Join(n.Root, "proc/sys", name)
}

// do runs f on this thread in the namespace: /proc/sys/net shows the namespace of the thread that looks. Another thread would
// have to be woken, which takes longer than all that is done there. A thread that cannot come back stays locked to its
// goroutine, with which the runtime ends it; what is done until then goes by sockets that were opened before.
func (n *linuxNetns) do(f func() error) error {
	if n.own {
		return f()
	}
	home, err := n.kernel.home()
	if err != nil {
		return err
	}
	runtime.LockOSThread()
	if err := netns.Set(n.at); err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("enter network namespace: %w", err)
	}
	err = f()
	if back := netns.Set(netns.NsHandle(home.Fd())); back != nil {
		return errors.Join(err, fmt.Errorf("leave network namespace: %w", back))
	}
	runtime.UnlockOSThread()
	return err
}
