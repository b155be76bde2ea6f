package bench

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	goruntime "runtime"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// pods makes pods: network namespaces bound to files of a folder.
type pods struct {
	dir  string
	made []*Pod
}

// new makes the next pod.
func (p *pods) new() (*Pod, error) {
	number := len(p.made) + 1
	pod := &Pod{ID: fmt.Sprintf("%064d", number), Netns: filepath.Join(p.dir, fmt.Sprintf("pod%d", number)), Number: number}
	if err := os.WriteFile(pod.Netns, nil, 0o600); err != nil {
		return nil, fmt.Errorf("make the file of a namespace: %w", err)
	}
	made := make(chan error)
	go func() { made <- bindNamespace(pod.Netns) }()
	if err := <-made; err != nil {
		return nil, errors.Join(fmt.Errorf("make a network namespace (this needs root): %w", err), os.Remove(pod.Netns))
	}
	p.made = append(p.made, pod)
	return pod, nil
}

// bindNamespace makes a namespace and binds it to a file. The goroutine must end after it: its thread stays in the
// new namespace, is never unlocked, and so ends with it.
func bindNamespace(path string) error {
	goruntime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return err
	}
	return unix.Mount("/proc/thread-self/ns/net", path, "", unix.MS_BIND, "")
}

// open opens the pod's namespace and a netlink socket in it. The caller closes both.
func (p *Pod) open() (*os.File, *netlink.Handle, error) {
	file, err := os.Open(p.Netns)
	if err != nil {
		return nil, nil, fmt.Errorf("open the pod's namespace: %w", err)
	}
	inside, err := netlink.NewHandleAt(netns.NsHandle(file.Fd()), unix.NETLINK_ROUTE)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("open a netlink socket in the pod's namespace: %w", err), file.Close())
	}
	return file, inside, nil
}

// close removes every namespace.
func (p *pods) close() error {
	var errs []error
	for _, pod := range p.made {
		errs = append(errs, unix.Unmount(pod.Netns, unix.MNT_DETACH), os.Remove(pod.Netns))
	}
	p.made = nil
	return errors.Join(errs...)
}
