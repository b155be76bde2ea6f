package kernel

import (
	"errors"
	"fmt"
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
}

// use runs f alone. After an error that the library may have left answers unread of, the connection is dropped.
func (s *nftSocket) use(netns int, f func(*nftables.Conn) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil {
		conn, err := nftables.New(nftables.AsLasting(), nftables.WithNetNSFd(netns))
		if err != nil {
			return fmt.Errorf("open nftables netlink: %w", err)
		}
		s.conn = conn
	}
	err := f(s.conn)
	if err != nil && !errors.Is(err, unix.ENOENT) {
		s.drop()
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
		s.conn = nil
	}
}

func (n *linuxNetns) withNft(f func(*nftables.Conn) error) error {
	if n.own {
		return n.nft.use(0, f)
	}
	return n.nft.use(int(n.at), f)
}

func (n *linuxNetns) Elements() ([]Element, error) {
	var elements []Element
	err := n.withNft(func(conn *nftables.Conn) (err error) {
		elements, err = readSets(conn, nftSets(), func(nftSet) error { return nil })
		return err
	})
	return elements, err
}

// readSets calls missing for each set that is not there.
func readSets(conn *nftables.Conn, sets []nftSet, missing func(nftSet) error) ([]Element, error) {
	var elements []Element
	for _, s := range sets {
		found, err := s.read(conn)
		if errors.Is(err, unix.ENOENT) {
			err = missing(s)
		}
		if err != nil {
			return nil, err
		}
		elements = append(elements, found...)
	}
	return elements, nil
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

// update reads the sets that get elements, and deletes what is in the way of the new ones: leftovers of other
// owners, whose name the kernel would keep with the element, or of other subnets.
func (n *linuxNetns) update(conn *nftables.Conn, add, del []Element) error {
	old, err := readSets(conn, setsOf(add), func(s nftSet) error {
		return n.change("set up nft", func() error { return setUp(conn, s.family) })
	})
	if err != nil {
		return err
	}
	return n.change("update nft elements", func() error { return send(conn, add, withConflicts(del, old, add)) })
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

// setsOf returns the sets that some elements go into.
func setsOf(elements []Element) []nftSet {
	var sets []nftSet
	for _, s := range nftSets() {
		for _, e := range elements {
			if s.holds(e) {
				sets = append(sets, s)
				break
			}
		}
	}
	return sets
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
