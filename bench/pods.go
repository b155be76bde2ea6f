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

// Pods makes pods, in network namespaces bound to files of a folder. A namespace is used again once its pod is given back,
// and removed by Close alone: the kernel removes namespaces in the background, while something else would be measured.
type Pods struct {
	// Args returns the CNI_ARGS of the next pod; nil for none.
	Args func() [][2]string

	dir  string
	made []*Pod
	free []*Pod
	ids  int
}

// NewPods makes pods whose namespaces are files in dir, which is made if it is missing.
func NewPods(dir string) (*Pods, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make the folder of the pods: %w", err)
	}
	return &Pods{dir: dir}, nil
}

// Take returns new pods. It needs root.
func (p *Pods) Take(n int) ([]*Pod, error) {
	pods := make([]*Pod, n)
	for i := range pods {
		pod, err := p.one()
		if err != nil {
			return nil, err
		}
		pods[i] = pod
	}
	return pods, nil
}

// Give takes back pods whose networks are gone.
func (p *Pods) Give(pods ...*Pod) {
	for _, pod := range pods {
		p.free = append(p.free, &Pod{Netns: pod.Netns, Number: pod.Number})
	}
}

// one returns the next pod, in a namespace that is free or a new one.
func (p *Pods) one() (*Pod, error) {
	if len(p.free) == 0 {
		if err := p.grow(); err != nil {
			return nil, err
		}
	}
	pod := p.free[0]
	p.free = p.free[1:]
	p.ids++
	pod.ID, pod.Group = fmt.Sprintf("%064d", p.ids), firstGroup+uint32(pod.Number)
	if p.Args != nil {
		pod.Args = p.Args()
	}
	return pod, nil
}

// grow makes one more namespace.
func (p *Pods) grow() error {
	number := len(p.made) + 1
	pod := &Pod{Netns: filepath.Join(p.dir, fmt.Sprintf("pod%d", number)), Number: number}
	if err := os.WriteFile(pod.Netns, nil, 0o600); err != nil {
		return fmt.Errorf("make the file of a namespace: %w", err)
	}
	made := make(chan error)
	go func() { made <- bindNamespace(pod.Netns) }()
	if err := <-made; err != nil {
		return errors.Join(fmt.Errorf("make a network namespace (this needs root): %w", err), os.Remove(pod.Netns))
	}
	p.made, p.free = append(p.made, pod), append(p.free, pod)
	return nil
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

// Close removes every namespace, in use or not.
func (p *Pods) Close() error {
	var errs []error
	for _, pod := range p.made {
		errs = append(errs, unix.Unmount(pod.Netns, unix.MNT_DETACH), os.Remove(pod.Netns))
	}
	p.made, p.free = nil, nil
	return errors.Join(errs...)
}
