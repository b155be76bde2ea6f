package hostlocal

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// lastPrefix begins the name of the file that holds the address a range set gave last.
	lastPrefix = "last_reserved_ip."
	// draftName is the lease being written. There is only one, because the folder is locked.
	draftName = ".braid-lease"
	// lineBreak stands between container ID and interface name in a lease.
	lineBreak = "\r\n"
	// indexAge bounds how long leases changed by hand, past the lock, may stay unseen.
	indexAge = time.Minute
)

// An owner is who has a lease. ifName is empty in leases of host-local before 0.7; both are empty when a crash
// left a lease without content.
type owner struct {
	containerID, ifName string
}

// owns says whether a lease written by lease is one of o, including those from before interface names.
func (o owner) owns(lease owner) bool {
	return lease == o || lease == owner{containerID: o.containerID}
}

// An index is what the leases of a folder say, to be used again while the folder carries its stamp.
type index struct {
	owners map[netip.Addr]owner
	held   map[owner][]netip.Addr
	// stamp is a modification time that we gave the folder. Whoever makes or removes a file in it changes that.
	stamp time.Time
	read  time.Time
}

// A ledger is a network's folder while its lock is held.
type ledger struct {
	folder *os.Root
	index  *index
	// dirty says that the folder changed since its stamp.
	dirty bool
	// hook is called before and after each change; tests end the process in it.
	hook func(step string)
}

// openLedger reads the leases, unless the index of an earlier call still holds.
func openLedger(folder *os.Root, known *index, hook func(string)) (*ledger, error) {
	l := &ledger{folder: folder, index: known, hook: hook}
	if known != nil && time.Since(known.read) < indexAge {
		if info, err := folder.Stat("."); err == nil && info.ModTime().Equal(known.stamp) {
			return l, nil
		}
	}
	index, err := readIndex(folder)
	l.index, l.dirty = index, true
	return l, err
}

// seal stamps the folder and returns the index for the next call, nil when the folder takes no stamp. The stamp is
// in the past: the kernel dates every later change with the present, so that no change can end up with the stamp,
// not even one within the same tick of the kernel's clock. File systems that round times are told by reading back.
func (l *ledger) seal() *index {
	if !l.dirty {
		return l.index
	}
	stamp := time.Now().Add(-time.Second)
	if err := l.folder.Chtimes(".", time.Time{}, stamp); err != nil {
		return nil
	}
	info, err := l.folder.Stat(".")
	if err != nil || !info.ModTime().Equal(stamp) {
		return nil
	}
	l.index.stamp = stamp
	return l.index
}

// readIndex reads every lease of a folder. Files that are named otherwise than by an address are no leases.
func readIndex(folder *os.Root) (*index, error) {
	x := &index{owners: map[netip.Addr]owner{}, held: map[owner][]netip.Addr{}, read: time.Now()}
	addrs, err := leaseNames(folder)
	if err != nil {
		return nil, err
	}
	for _, addr := range addrs {
		content, err := folder.ReadFile(addr.String())
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read the lease of %s: %w", addr, err)
		}
		x.put(addr, parseLease(content))
	}
	return x, nil
}

// leaseNames lists the addresses that have a lease file, without reading any.
func leaseNames(folder *os.Root) ([]netip.Addr, error) {
	dir, err := folder.Open(".")
	if err != nil {
		return nil, fmt.Errorf("open the folder: %w", err)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("list the leases: %w", err)
	}
	var addrs []netip.Addr
	for _, name := range names {
		if addr, err := netip.ParseAddr(name); err == nil && addr.String() == name {
			addrs = append(addrs, addr)
		}
	}
	return addrs, nil
}

// parseLease reads the content of a lease. Zero bytes are what a power loss can leave in place of content.
func parseLease(content []byte) owner {
	text := strings.Trim(string(content), " \t\r\n\x00")
	id, ifName, _ := strings.Cut(text, lineBreak)
	return owner{containerID: id, ifName: ifName}
}

// put enters a lease.
func (x *index) put(addr netip.Addr, who owner) {
	x.owners[addr] = who
	x.held[who] = append(x.held[who], addr)
}

// drop strikes a lease.
func (x *index) drop(addr netip.Addr) {
	who := x.owners[addr]
	delete(x.owners, addr)
	var left []netip.Addr
	for _, a := range x.held[who] {
		if a != addr {
			left = append(left, a)
		}
	}
	if x.held[who] = left; left == nil {
		delete(x.held, who)
	}
}

// leases returns the addresses of who: those with its interface name, and those from before interface names.
func (l *ledger) leases(who owner) (own, old []netip.Addr) {
	return l.index.held[who], l.index.held[owner{containerID: who.containerID}]
}

// free says that addr has no lease, or one that a crash left without an owner.
func (l *ledger) free(addr netip.Addr) bool {
	return l.index.owners[addr] == owner{}
}

// taken says that addr has a lease file, with or without an owner.
func (l *ledger) taken(addr netip.Addr) bool {
	_, ok := l.index.owners[addr]
	return ok
}

// step calls the hook.
func (l *ledger) step(name string) {
	if l.hook != nil {
		l.hook(name)
	}
}

// write makes the lease of an address and remembers it as the last one of its range set. The file appears under
// the address with its content in it: a process that dies on the way leaves a draft, which the next write and any
// DEL remove, and never a lease of nobody. A lease is not synced to disk: no pod outlives a power loss.
func (l *ledger) write(setNumber int, addr netip.Addr, who owner) error {
	l.dirty = true
	l.step("draft")
	if err := l.draft(who); err != nil {
		return fmt.Errorf("write the lease of %s: %w", addr, err)
	}
	if l.taken(addr) {
		if err := l.erase(addr); err != nil {
			return err
		}
	}
	l.step("lease")
	if err := l.publish(addr.String()); err != nil {
		return errors.Join(fmt.Errorf("make the lease of %s: %w", addr, err), l.removeDraft())
	}
	l.index.put(addr, who)
	l.step("leased")
	if err := l.remember(setNumber, addr); err != nil {
		return errors.Join(fmt.Errorf("remember the last address of range set %d: %w", setNumber, err), l.erase(addr))
	}
	l.step("remembered")
	return nil
}

// draft writes the content of a lease under the draft's name. A draft that a crash left may be a second name of a
// lease, so it is removed and never written over.
func (l *ledger) draft(who owner) error {
	const flags = os.O_WRONLY | os.O_CREATE | os.O_EXCL
	f, err := l.folder.OpenFile(draftName, flags, 0o600)
	if errors.Is(err, fs.ErrExist) {
		if err := l.removeDraft(); err != nil {
			return err
		}
		f, err = l.folder.OpenFile(draftName, flags, 0o600)
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(who.containerID + lineBreak + who.ifName)
	return errors.Join(err, f.Close())
}

// publish gives the draft a name that no file has.
func (l *ledger) publish(name string) error {
	dir, err := l.folder.Open(".")
	if err != nil {
		return err
	}
	defer dir.Close()
	fd := int(dir.Fd())
	err = unix.Renameat2(fd, draftName, fd, name, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) { // not every file system can
		return errors.Join(l.folder.Link(draftName, name), l.folder.Remove(draftName))
	}
	return err
}

// remember writes the address that a range set gave last. Only the order of addresses hangs on it, so a crash in
// the middle does no harm. It is not emptied first: ext4 writes a file that was emptied to disk when it is closed.
func (l *ledger) remember(setNumber int, addr netip.Addr) error {
	f, err := l.folder.OpenFile(lastPrefix+strconv.Itoa(setNumber), os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	text := addr.String()
	_, err = f.WriteString(text)
	return errors.Join(err, f.Truncate(int64(len(text))), f.Close())
}

// removeDraft removes what a crash left of a lease being written.
func (l *ledger) removeDraft() error {
	if err := l.folder.Remove(draftName); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the unfinished lease: %w", err)
	}
	return nil
}

// erase removes the lease of an address; one that is gone already counts as removed.
func (l *ledger) erase(addr netip.Addr) error {
	l.dirty = true
	l.step("erase")
	if err := l.folder.Remove(addr.String()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the lease of %s: %w", addr, err)
	}
	l.index.drop(addr)
	l.step("erased")
	return nil
}

// last returns the address that a range set gave last, the zero Addr when that is not known.
func (l *ledger) last(setNumber int) netip.Addr {
	content, err := l.folder.ReadFile(lastPrefix + strconv.Itoa(setNumber))
	if err != nil {
		return netip.Addr{}
	}
	addr, err := netip.ParseAddr(string(content))
	if err != nil {
		return netip.Addr{}
	}
	return addr
}
