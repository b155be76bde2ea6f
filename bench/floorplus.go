package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	goruntime "runtime"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/braid-cni/braid/bench/report"
)

const (
	// record is how many bytes are stored of a pod.
	record = 4096
	// operational bounds the wait for a bridge port, lookEvery is how often it is looked at.
	operational = 5 * time.Second
	lookEvery   = 100 * time.Microsecond
)

// A FloorPlus is the floor with all that the kernel keeps of a pod of Braid, and stored once: the host's end has an alias
// and an alternative name, both MACs are given, arp_notify and accept_dad are written, the bridge port is operational, and
// a record of the pod is on the disk. It is still one process, that does no more for it than the kernel must.
type FloorPlus struct {
	*Floor
	dir   string
	state *os.File
}

// NewFloorPlus is as NewFloor. The records are in a file in dir.
func NewFloorPlus(dir string, networks, place int) *FloorPlus {
	return &FloorPlus{Floor: NewFloor(networks, place).Named(report.FloorPlus), dir: dir}
}

// Start makes the bridges and the file.
func (f *FloorPlus) Start(ctx context.Context) (err error) {
	if f.state, err = os.Create(filepath.Join(f.dir, "state")); err != nil {
		return fmt.Errorf("make the file of records: %w", err)
	}
	return f.Floor.Start(ctx)
}

// Add implements Subject.
func (f *FloorPlus) Add(ctx context.Context, pod *Pod) error {
	file, inside, err := pod.open()
	if err != nil {
		return err
	}
	defer file.Close()
	defer inside.Close()
	for i := range f.networks {
		if err := f.link(pod, i, int(file.Fd())); err != nil {
			return err
		}
	}
	if err := within(file, f.settle); err != nil {
		return fmt.Errorf("write the pod's settings: %w", err)
	}
	for i := range f.networks {
		if err := f.configure(pod, i, inside); err != nil {
			return err
		}
	}
	if err := f.operational(ctx, pod); err != nil {
		return err
	}
	return f.store(pod)
}

// link makes a pair with all its names.
func (f *FloorPlus) link(pod *Pod, network, podFd int) error {
	if err := f.veth(pod, network, podFd, randomMAC(), randomMAC()); err != nil {
		return fmt.Errorf("make the veth pair of %s: %w", ifName(network), err)
	}
	name, _ := hostLink(pod, network)
	alt := request(unix.RTM_NEWLINKPROP, 0, nl.NewIfInfomsg(unix.AF_UNSPEC))
	alt.AddData(nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(name)))
	list := nl.NewRtAttr(unix.IFLA_PROP_LIST|unix.NLA_F_NESTED, nil)
	list.AddRtAttr(unix.IFLA_ALT_IFNAME, nl.ZeroTerminated(name+"-0123456789abcdef"))
	alt.AddData(list)
	alias := request(unix.RTM_SETLINK, 0, nl.NewIfInfomsg(unix.AF_UNSPEC))
	alias.AddData(nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(name)))
	alias.AddData(nl.NewRtAttr(unix.IFLA_IFALIAS, []byte("default/pod "+ifName(network)+" default/network")))
	if err := errors.Join(f.send(alt), f.send(alias)); err != nil {
		return fmt.Errorf("name the host's end of %s: %w", ifName(network), err)
	}
	return nil
}

// settle writes the settings of the pod's ends, in the pod.
func (f *FloorPlus) settle() error {
	for i := range f.networks {
		for _, s := range []struct{ name, value string }{{"ipv4/conf/%s/arp_notify", "1"}, {"ipv6/conf/%s/accept_dad", "0"}} {
			path := "/proc/sys/net/" + fmt.Sprintf(s.name, ifName(i))
			if err := os.WriteFile(path, []byte(s.value), 0); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

// operational waits until the ports of the pod pass packets.
func (f *FloorPlus) operational(ctx context.Context, pod *Pod) error {
	ctx, cancel := context.WithTimeout(ctx, operational)
	defer cancel()
	for i := range f.networks {
		_, index := hostLink(pod, i)
		for {
			link, err := netlink.LinkByIndex(index)
			if err != nil {
				return fmt.Errorf("look at the host's end of %s: %w", ifName(i), err)
			}
			if link.Attrs().OperState == netlink.OperUp {
				break
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("wait for the port of %s: %w", ifName(i), ctx.Err())
			case <-time.After(lookEvery):
			}
		}
	}
	return nil
}

// Del implements Subject.
func (f *FloorPlus) Del(ctx context.Context, pod *Pod) error { return f.Drain(ctx, []*Pod{pod}) }

// Drain implements Drainer. That all pods are gone is stored at once.
func (f *FloorPlus) Drain(ctx context.Context, pods []*Pod) error {
	if err := f.Floor.Drain(ctx, pods); err != nil || len(pods) == 0 {
		return err
	}
	return f.store(pods[0])
}

// store writes the pod's record and waits until it is on the disk.
func (f *FloorPlus) store(pod *Pod) error {
	if _, err := f.state.WriteAt(make([]byte, record), int64(pod.Number)*record); err != nil {
		return fmt.Errorf("store a pod: %w", err)
	}
	if err := unix.Fdatasync(int(f.state.Fd())); err != nil {
		return fmt.Errorf("store a pod: %w", err)
	}
	return nil
}

// Stop removes the bridges and closes the file.
func (f *FloorPlus) Stop(ctx context.Context) error {
	err := f.Floor.Stop(ctx)
	if f.state != nil {
		err = errors.Join(err, f.state.Close())
	}
	return err
}

// within runs do on a thread that is in a namespace: /proc/sys/net shows that of the thread that looks.
func within(namespace *os.File, do func() error) error {
	goruntime.LockOSThread()
	home, err := netns.Get()
	if err != nil {
		return err
	}
	defer home.Close()
	if err := netns.Set(netns.NsHandle(namespace.Fd())); err != nil {
		return err
	}
	err = do()
	// A thread that cannot come back stays locked, and ends with its goroutine.
	if back := netns.Set(home); back != nil {
		return errors.Join(err, back)
	}
	goruntime.UnlockOSThread()
	return err
}

// randomMAC is one that is locally administered.
func randomMAC() net.HardwareAddr {
	mac := make(net.HardwareAddr, 6)
	// Documented to fill the slice always.
	_, _ = rand.Read(mac)
	mac[0] = mac[0]&^1 | 2
	return mac
}
