package kernel

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"
)

// updateTries bounds how often an update starts again because the sets changed since they were read.
const updateTries = 5

// An nftSocket is a connection to nftables that is opened at first use and kept: to close one makes the kernel
// wait, for an RCU grace period of 10 ms and more, until what earlier transactions deleted is freed.
type nftSocket struct {
	mu   sync.Mutex
	conn *nftables.Conn
	// gen asks for the generation of the rules, seen is what the sets held in one of them.
	gen  *talk
	seen *seenSets
}

// use runs f alone. After an error that the library may have left answers unread of, the connection is dropped.
func (s *nftSocket) use(n *linuxNetns, f func(*nftables.Conn) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.open(n); err != nil {
		return fmt.Errorf("open nftables netlink: %w", err)
	}
	err := f(s.conn)
	if err != nil {
		s.seen = nil
	}
	if err != nil && !errors.Is(err, unix.ENOENT) {
		s.drop()
	}
	return err
}

func (s *nftSocket) open(n *linuxNetns) (err error) {
	if s.conn != nil {
		return nil
	}
	fd := 0 // the process's own
	if n.at.IsOpen() {
		fd = int(n.at)
	}
	if s.gen, err = openTalk(n.do, unix.NETLINK_NETFILTER); err != nil {
		return err
	}
	s.conn, err = nftables.New(nftables.AsLasting(), nftables.WithNetNSFd(fd))
	if err != nil {
		s.gen.close()
	}
	return err
}

func (s *nftSocket) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop()
}

func (s *nftSocket) drop() {
	if s.conn != nil {
		_ = s.conn.CloseLasting()
		s.gen.close()
		s.conn, s.seen = nil, nil
	}
}

func (n *linuxNetns) withNft(f func(*nftables.Conn) error) error { return n.nft.use(n, f) }

func (n *linuxNetns) Elements() ([]Element, error) {
	var elements []Element
	err := n.withNft(func(conn *nftables.Conn) error {
		seen, err := n.nft.look(conn)
		if err != nil {
			return err
		}
		elements = slices.Clone(seen.elements)
		return nil
	})
	if errors.Is(err, ErrNoNftables) {
		return nil, nil
	}
	return elements, err
}

// read asks for the set first, because the library hides the errno of a listing of elements.
func (s nftSet) read(conn *nftables.Conn) ([]Element, error) {
	set, err := conn.GetSetByName(s.table(), s.name)
	if err != nil {
		return nil, fmt.Errorf("find nft set %s: %w", s.name, err)
	}
	found, err := conn.GetSetElements(set)
	if err != nil {
		return nil, fmt.Errorf("list nft set %s: %w", s.name, err)
	}
	elements := make([]Element, len(found))
	for i, raw := range found {
		if elements[i], err = s.decode(raw); err != nil {
			return nil, err
		}
	}
	return elements, nil
}

func (n *linuxNetns) UpdateElements(add, del []Element) error {
	var err error
	for range updateTries {
		err = n.withNft(func(conn *nftables.Conn) error { return n.update(conn, add, del) })
		if !errors.Is(err, unix.ENOENT) {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("update nft elements: %w", err)
	}
	return nil
}

// update makes the sets that get elements and are missing, and deletes what is in the way of the new ones: leftovers of other
// owners, whose name the kernel would keep with the element, or of other subnets.
func (n *linuxNetns) update(conn *nftables.Conn, add, del []Element) error {
	seen, err := n.nft.look(conn)
	if err != nil {
		return err
	}
	if missing := seen.missing(add); len(missing) > 0 {
		for _, family := range missing {
			if err := n.change("set up nft", func() error { return setUp(conn, family) }); err != nil {
				return err
			}
		}
		if seen, err = n.nft.look(conn); err != nil {
			return err
		}
	}
	del = withConflicts(del, seen.elements, add)
	err = n.change("update nft elements", func() error { return send(conn, add, del) })
	if err == nil {
		n.nft.changed(add, del)
	}
	return err
}

func withConflicts(del, old, add []Element) []Element {
	gone := make(map[Element]bool, len(del))
	for _, e := range del {
		gone[e] = true
	}
	all := del[:len(del):len(del)]
	for _, e := range add {
		for _, o := range old {
			if o.conflicts(e) && o != e && !gone[o] {
				gone[o] = true
				all = append(all, o)
			}
		}
	}
	return all
}

// send deletes first, so that the same transaction can give an element another owner.
func send(conn *nftables.Conn, add, del []Element) error {
	for _, s := range nftSets() {
		set, err := s.set()
		if err != nil {
			return err
		}
		if gone := s.encodeAll(del); len(gone) > 0 {
			err = conn.SetDeleteElements(set, gone)
		}
		if fresh := s.encodeAll(add); err == nil && len(fresh) > 0 {
			err = conn.SetAddElements(set, fresh)
		}
		if err != nil {
			return fmt.Errorf("write elements of set %s: %w", s.name, err)
		}
	}
	return conn.Flush()
}

func (s nftSet) encodeAll(elements []Element) []nftables.SetElement {
	var raw []nftables.SetElement
	for _, e := range elements {
		if s.holds(e) {
			raw = append(raw, s.encode(e))
		}
	}
	return raw
}
