package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// covered are the folders that a host has for itself, empty at its start.
var covered = []string{"/run", "/var/lib"}

const (
	sandboxes = "/run/netns"
	// readyWithin bounds the wait for a daemon, stopWithin that for its end.
	readyWithin = 10 * time.Second
	stopWithin  = 5 * time.Second
	// lingers is how long the pipes of a plugin that was killed may be held open by its children.
	lingers = 2 * time.Second
)

// A host is a network namespace and a mount namespace that stand for a node.
type host struct {
	suite  *suite
	thread *thread
	*namespace
	daemon *exec.Cmd
	ended  chan struct{}
	says   bytes.Buffer // read only after the daemon ended
	// stays is what the first attachment left for good, such as a bridge.
	stays []string
	// emptied is when a sandbox went last.
	emptied time.Time
}

// newHost makes a host at which one attachment came and went: what plugins make once and keep is there.
func (s *suite) newHost(ctx context.Context, version string) (*host, error) {
	h := &host{suite: s, thread: newThread()}
	if err := h.thread.do(h.build); err != nil {
		h.close()
		return nil, fmt.Errorf("make a host: %w", err)
	}
	if err := h.startDaemon(ctx); err != nil {
		h.close()
		return nil, err
	}
	if err := h.warm(ctx, version); err != nil {
		h.close()
		return nil, err
	}
	return h, nil
}

// build moves the thread into its namespaces and furnishes them.
func (h *host) build() error {
	if err := syscall.Unshare(syscall.CLONE_NEWNET | syscall.CLONE_NEWNS); err != nil {
		return fmt.Errorf("make namespaces: %w", err)
	}
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("keep mounts inside: %w", err)
	}
	for _, dir := range covered {
		if err := syscall.Mount("cniconform", dir, "tmpfs", 0, "mode=0755"); err != nil {
			return fmt.Errorf("cover %s: %w", dir, err)
		}
	}
	// /sys shows the network namespace that it was mounted in.
	if err := syscall.Mount("cniconform", "/sys", "sysfs", 0, ""); err != nil {
		return fmt.Errorf("mount /sys: %w", err)
	}
	if err := os.Mkdir(sandboxes, 0o755); err != nil {
		return err
	}
	var err error
	if h.namespace, err = openNamespace(); err != nil {
		return err
	}
	return h.connect()
}

// connect gives the host its uplink, whose other end lies there and answers nothing.
func (h *host) connect() error {
	lo, err := h.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("find lo: %w", err)
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name = uplink
	if err := h.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: "wire0"}); err != nil {
		return fmt.Errorf("make the uplink: %w", err)
	}
	errs := []error{h.LinkSetUp(lo)}
	for _, name := range []string{uplink, "wire0"} {
		link, err := h.LinkByName(name)
		if err != nil {
			return fmt.Errorf("find the uplink: %w", err)
		}
		if name == uplink {
			address, _ := netlink.ParseAddr(uplinkAddress)
			errs = append(errs, h.AddrAdd(link, address))
		}
		errs = append(errs, h.LinkSetUp(link))
	}
	errs = append(errs, h.RouteAdd(&netlink.Route{Gw: net.ParseIP(uplinkGateway)}))
	return errors.Join(errs...)
}

func (h *host) startDaemon(ctx context.Context) error {
	d := h.suite.Daemon
	if d == nil {
		return nil
	}
	cmd := exec.Command(d.Command[0], d.Command[1:]...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH")}, h.suite.Env...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = "/", &h.says, &h.says
	cmd.WaitDelay = lingers
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := h.thread.do(cmd.Start); err != nil {
		return fmt.Errorf("start the daemon: %w", err)
	}
	h.daemon, h.ended = cmd, make(chan struct{})
	go func() { _ = cmd.Wait(); close(h.ended) }()
	return h.ready(ctx)
}

func (h *host) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	for h.suite.Daemon.Ready != "" {
		err := h.thread.do(func() error { return present(h.suite.Daemon.Ready) })
		if err == nil {
			return nil
		}
		select {
		case <-h.ended:
			return fmt.Errorf("the daemon ended: %v: %s", h.daemon.ProcessState, h.says.String())
		case <-ctx.Done():
			return fmt.Errorf("wait for the daemon: %w: %w", ctx.Err(), err)
		case <-time.After(5 * time.Millisecond):
		}
	}
	return nil
}

// present says that a file is there, and that one that is a socket takes connections.
func present(path string) error {
	info, err := os.Stat(path)
	if err != nil || info.Mode().Type() != os.ModeSocket {
		return err
	}
	conn, err := net.Dial("unix", path)
	if err != nil {
		return err
	}
	return conn.Close()
}

// warm makes and removes one attachment, and takes note of what stays. Whether that works is for the steps to say.
func (h *host) warm(ctx context.Context, version string) error {
	t := &trial{ctx: ctx, suite: h.suite, network: h.suite.network.at(version), host: h}
	before, err := h.state()
	if err != nil {
		return err
	}
	a, err := t.attachment()
	if err != nil {
		return err
	}
	if answer := t.add(a); !answer.failed() {
		t.del(a)
	}
	if version == "1.1.0" {
		t.whole("STATUS", t.network)
		t.gc(t.network)
	}
	after, err := h.state()
	if err != nil {
		return err
	}
	h.stays, _ = before.changes(after)
	return h.removeSandbox(a.box)
}

// close stops the daemon and gives up the namespaces. A nil host has none.
func (h *host) close() {
	if h == nil {
		return
	}
	if h.daemon != nil {
		_ = h.daemon.Process.Signal(syscall.SIGTERM)
		select {
		case <-h.ended:
		case <-time.After(stopWithin):
			_ = syscall.Kill(-h.daemon.Process.Pid, syscall.SIGKILL)
			<-h.ended
		}
	}
	if h.namespace != nil {
		h.namespace.close()
	}
	h.thread.end()
}

// A sandbox is a container's network namespace, at a path that only the host has.
type sandbox struct {
	path string
	*namespace
}

// newSandbox makes a namespace as a runtime does: nothing in it is up.
func (h *host) newSandbox(name string) (*sandbox, error) {
	b := &sandbox{path: filepath.Join(sandboxes, name)}
	err := h.thread.do(func() (err error) {
		if err := os.WriteFile(b.path, nil, 0o444); err != nil {
			return err
		}
		if err := syscall.Unshare(syscall.CLONE_NEWNET); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, netns.Set(h.handle)) }()
		if err := syscall.Mount("/proc/thread-self/ns/net", b.path, "", syscall.MS_BIND, ""); err != nil {
			return err
		}
		b.namespace, err = openNamespace()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("make sandbox %s: %w", b.path, err)
	}
	return b, nil
}

// removeSandbox ends a namespace and its file. It may be gone already.
func (h *host) removeSandbox(b *sandbox) error {
	return errors.Join(h.emptySandbox(b), h.forgetFile(b))
}

// emptySandbox ends a namespace and leaves its file, as a reboot does.
func (h *host) emptySandbox(b *sandbox) error {
	if b.namespace == nil {
		return nil
	}
	b.namespace.close()
	b.namespace = nil
	h.emptied = time.Now()
	return h.thread.do(func() error { return syscall.Unmount(b.path, syscall.MNT_DETACH) })
}

func (h *host) forgetFile(b *sandbox) error {
	return h.thread.do(func() error {
		if err := os.Remove(b.path); err != nil && !os.IsNotExist(err) {
			return err
		}
		return nil
	})
}

// inside runs f on the host's thread in a sandbox. f must not take long.
func (h *host) inside(b *sandbox, f func() error) error {
	return h.thread.do(func() (err error) {
		if err := netns.Set(b.handle); err != nil {
			return fmt.Errorf("enter sandbox: %w", err)
		}
		defer func() { err = errors.Join(err, netns.Set(h.handle)) }()
		return f()
	})
}

// output runs a program on the host and returns what it prints.
func (h *host) output(ctx context.Context, program string, args ...string) (string, error) {
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdout, cmd.Stderr, cmd.Dir = &out, &errs, "/"
	if err := h.thread.do(cmd.Start); err != nil {
		return "", fmt.Errorf("run %s: %w", program, err)
	}
	if err := cmd.Wait(); err != nil {
		return "", fmt.Errorf("run %s: %w: %s", program, err, errs.String())
	}
	return out.String(), nil
}
