package kernel

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"

	"github.com/vishvananda/netlink"
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
	k := &linux{Options: o, idle: make(chan *linuxNetns, maxIdle)}
	k.host, k.home = sync.OnceValues(k.statHost), sync.OnceValues(openHome)
	return k
}

type linux struct {
	Options
	// nft is the host's, kept open between calls.
	nft nftSocket
	// host tells the host's namespace from others, asked for once: a process does not change its own.
	host func() (os.FileInfo, error)
	// home is the process's own namespace, opened at its first use and never closed.
	home func() (*os.File, error)
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
	return openHome()
}

func openHome() (*os.File, error) {
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
	a, err := file.Stat()
	if err != nil {
		return false, fmt.Errorf("stat %q: %w", file.Name(), err)
	}
	b, err := k.host()
	if err != nil {
		return false, err
	}
	return os.SameFile(a, b), nil
}

func (k *linux) statHost() (os.FileInfo, error) {
	file, err := k.hostFile()
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("stat the host's network namespace: %w", err)
	}
	return info, nil
}

func (k *linux) open(file *os.File, own bool, nft *nftSocket) (*linuxNetns, error) {
	at := netns.None()
	if !own {
		at = netns.NsHandle(file.Fd())
	}
	n := &linuxNetns{Options: k.Options, kernel: k, file: file, own: own, at: at, nft: nft}
	var err error
	if n.route, err = openTalk(n.do, unix.NETLINK_ROUTE); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("open route netlink in %q: %w", file.Name(), err)
	}
	n.library = sync.OnceValues(func() (*netlink.Handle, error) { return netlink.NewHandleAt(at, unix.NETLINK_ROUTE) })
	return n, nil
}

// A linuxNetns reaches its namespace through sockets that were opened in it, so no goroutine has to move there.
type linuxNetns struct {
	Options
	kernel *linux
	file   *os.File
	// own says that this is the process's own namespace.
	own   bool
	at    netns.NsHandle
	route *talk
	nft   *nftSocket
	// library opens the library's own socket at its first use: what every ADD needs goes through route.
	library func() (*netlink.Handle, error)
	used    atomic.Bool
}

// handle is the library's.
func (n *linuxNetns) handle() (*netlink.Handle, error) {
	n.used.Store(true)
	h, err := n.library()
	if err != nil {
		return nil, fmt.Errorf("open route netlink: %w", err)
	}
	return h, nil
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
	n.route.close()
	if n.used.Load() {
		if h, err := n.library(); err == nil {
			h.Close()
		}
	}
	if n.nft != &n.kernel.nft {
		n.nft.close()
	}
	return n.file.Close()
}

func (n *linuxNetns) fd() int { return int(n.file.Fd()) }

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
