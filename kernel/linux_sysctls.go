package kernel

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/vishvananda/netns"
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

func (n *linuxNetns) writeSysctl(s Setting) error {
	path := n.sysctlPath(s.Name)
	now, err := os.ReadFile(path)
	if s.Optional && errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	// A value that is right is not written: /proc/sys may be read-only, and forwarding set anew resets others.
	if err == nil && strings.TrimSpace(string(now)) == s.Value {
		return nil
	}
	// Without O_CREATE a name that does not exist is ENOENT.
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = file.WriteString(s.Value)
	return errors.Join(err, file.Close())
}

func (n *linuxNetns) sysctlPath(name string) string {
	return filepath.Join(n.Root, "proc/sys", name)
}

// do runs f on a thread that is in the namespace: /proc/sys/net shows the namespace of the thread that looks.
func (n *linuxNetns) do(f func() error) error {
	if n.own {
		return f()
	}
	done := make(chan error, 1)
	go func() { done <- inNetns(n.at, f) }()
	return <-done
}

// inNetns leaves the thread locked when it cannot come back: the runtime then ends it with the goroutine.
func inNetns(at netns.NsHandle, f func() error) error {
	runtime.LockOSThread()
	home, err := netns.Get()
	if err != nil {
		return fmt.Errorf("open the thread's network namespace: %w", err)
	}
	defer home.Close()
	if err := netns.Set(at); err != nil {
		return fmt.Errorf("enter network namespace: %w", err)
	}
	err = f()
	if netns.Set(home) == nil {
		runtime.UnlockOSThread()
	}
	return err
}
