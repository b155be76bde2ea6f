package kernel

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// dumpTries bounds how often a dump is repeated that the kernel says was interrupted by a change.
const dumpTries = 50

// Options say where the host is and what watches the changes.
type Options struct {
	// Root is the host's file system as this process sees it, "/" if empty. Paths of namespaces are resolved in
	// it, and sysctls written below its proc/sys (in a container /proc/sys itself is read-only).
	Root string
	// HostNetns is the path of the namespace to be taken as the host's; the process's own if empty.
	HostNetns string
	// Hook is called with "before <change>" and "after <change>" around each change of the kernel; nil outside
	// tests.
	Hook func(point string)
	// Refuse is asked before each change; its error stands for the kernel's. Nil outside tests.
	Refuse func(change string) error
}

func (o Options) change(what string, f func() error) error {
	if o.Hook != nil {
		o.Hook("before " + what)
		defer o.Hook("after " + what)
	}
	if o.Refuse != nil {
		if err := o.Refuse(what); err != nil {
			return err
		}
	}
	return f()
}

// New returns the kernel this process runs on. Changing anything needs CAP_NET_ADMIN, entering a namespace
// CAP_SYS_ADMIN.
func New(o Options) Kernel {
	if o.Root == "" {
		o.Root = "/"
	}
	return &linux{Options: o, idle: make(chan *linuxNetns, maxIdle)}
}

type linux struct {
	Options
	// nft is the host's, kept open between calls.
	nft nftSocket
	// idle are closed views of the process's own namespace, for the next Host.
	idle chan *linuxNetns
	// shared are the open views of other namespaces, by path.
	shared sharedNetns
}

// maxIdle is how many sockets of the host are kept open between calls.
const maxIdle = 8

func (k *linux) Host() (Netns, error) {
	select {
	case n := <-k.idle:
		return n, nil
	default:
	}
	file, err := k.hostFile()
	if err != nil {
		return nil, err
	}
	return k.open(file, k.HostNetns == "", &k.nft)
}

func (k *linux) hostFile() (*os.File, error) {
	if k.HostNetns != "" {
		return OpenNetns("/", k.HostNetns)
	}
	file, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return nil, fmt.Errorf("open own network namespace: %w", err)
	}
	return file, nil
}

func (k *linux) Open(path string) (Netns, error) {
	return k.shared.open(path, func() (*linuxNetns, error) { return k.openPath(path) })
}

func (k *linux) openPath(path string) (*linuxNetns, error) {
	file, err := OpenNetns(k.Root, path)
	if err != nil {
		return nil, err
	}
	same, err := k.isHost(file)
	if err == nil && same {
		err = fmt.Errorf("open %q: %w", path, ErrHostNetns)
	}
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return k.open(file, false, new(nftSocket))
}

func (k *linux) isHost(file *os.File) (bool, error) {
	host, err := k.hostFile()
	if err != nil {
		return false, err
	}
	defer host.Close()
	a, err := file.Stat()
	if err != nil {
		return false, fmt.Errorf("stat %q: %w", file.Name(), err)
	}
	b, err := host.Stat()
	if err != nil {
		return false, fmt.Errorf("stat the host's network namespace: %w", err)
	}
	return os.SameFile(a, b), nil
}

func (k *linux) open(file *os.File, own bool, nft *nftSocket) (*linuxNetns, error) {
	at := netns.None()
	if !own {
		at = netns.NsHandle(file.Fd())
	}
	handle, err := netlink.NewHandleAt(at, unix.NETLINK_ROUTE)
	if err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("open route netlink in %q: %w", file.Name(), err)
	}
	return &linuxNetns{Options: k.Options, kernel: k, file: file, own: own, at: at, handle: handle, nft: nft}, nil
}

// A linuxNetns reaches its namespace through sockets that were opened in it, so no goroutine has to move there.
type linuxNetns struct {
	Options
	kernel *linux
	file   *os.File
	// own says that this is the process's own namespace.
	own    bool
	at     netns.NsHandle
	handle *netlink.Handle
	nft    *nftSocket

	mu sync.Mutex
	// sockets are for messages that the library has no call for; opened at first use.
	sockets map[int]*nl.SocketHandle
}

// Close keeps the view of the process's own namespace for the next who asks for it.
func (n *linuxNetns) Close() error {
	if n.own {
		select {
		case n.kernel.idle <- n:
			return nil
		default:
		}
	}
	return n.close()
}

func (n *linuxNetns) close() error {
	n.handle.Close()
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, s := range n.sockets {
		s.Close()
	}
	n.sockets = nil
	if n.nft != &n.kernel.nft {
		n.nft.close()
	}
	return n.file.Close()
}

func (n *linuxNetns) fd() int { return int(n.file.Fd()) }

// request starts a route message that asks for an acknowledgement.
func (n *linuxNetns) request(kind, flags int) (*nl.NetlinkRequest, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.sockets == nil {
		socket, err := nl.GetNetlinkSocketAt(n.at, netns.None(), unix.NETLINK_ROUTE)
		if err != nil {
			return nil, fmt.Errorf("open route netlink: %w", err)
		}
		n.sockets = map[int]*nl.SocketHandle{unix.NETLINK_ROUTE: {Socket: socket}}
	}
	req := nl.NewNetlinkRequest(kind, flags|unix.NLM_F_ACK)
	req.Sockets = n.sockets
	return req, nil
}

// dump repeats a listing until the kernel says that nothing changed during it.
func dump[T any](list func() (T, error)) (T, error) {
	var all T
	var err error
	for range dumpTries {
		all, err = list()
		if !errors.Is(err, netlink.ErrDumpInterrupted) {
			return all, err
		}
	}
	return all, fmt.Errorf("list kernel objects %d times, each time they changed meanwhile: %w", dumpTries, err)
}
