package kernel

import (
	"errors"
	"fmt"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"
)

func (n *linuxNetns) Elements() ([]Element, error) {
	conn, err := nftables.New(nftables.AsLasting(), nftables.WithNetNSFd(n.nftNetns()))
	if err != nil {
		return nil, fmt.Errorf("open nftables netlink: %w", err)
	}
	defer conn.CloseLasting()
	var elements []Element
	for _, s := range nftSets() {
		found, err := s.read(conn)
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
	if errors.Is(err, unix.ENOENT) {
		return nil, nil
	}
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

// UpdateElements takes the way without a question first: the structure is there and no old element in the way.
// Only what the kernel then says makes it look.
func (n *linuxNetns) UpdateElements(add, del []Element) error {
	err := n.change("update nft elements", func() error { return n.send(add, del) })
	if errors.Is(err, unix.ENOENT) && len(add) > 0 {
		if err = n.change("set up nft", n.setUp); err == nil {
			err = n.change("update nft elements", func() error { return n.send(add, del) })
		}
	}
	if errors.Is(err, unix.EEXIST) || errors.Is(err, unix.ENOTEMPTY) {
		err = n.replaceConflicts(add, del)
	}
	if err != nil {
		return fmt.Errorf("update nft elements: %w", err)
	}
	return nil
}

// replaceConflicts deletes what overlaps the new elements without being equal to them, in the same transaction:
// leftovers of an attachment with the same address and another subnet.
func (n *linuxNetns) replaceConflicts(add, del []Element) error {
	all, err := n.Elements()
	if err != nil {
		return err
	}
	for _, old := range all {
		for _, e := range add {
			if old.conflicts(e) {
				del = append(del, old)
				break
			}
		}
	}
	return n.change("update nft elements", func() error { return n.send(add, del) })
}

// send deletes first, then adds each element, deletes and adds it again: the kernel keeps the owner of an
// element that exists, and has no message that replaces it.
func (n *linuxNetns) send(add, del []Element) error {
	conn := n.nftables()
	for _, s := range nftSets() {
		set, err := s.set()
		if err != nil {
			return err
		}
		gone, fresh := s.encodeAll(del), s.encodeAll(add)
		err = errors.Join(
			unlessEmpty(gone, func() error { return conn.SetDeleteElements(set, gone) }),
			unlessEmpty(fresh, func() error { return conn.SetAddElements(set, fresh) }),
			unlessEmpty(fresh, func() error { return conn.SetDeleteElements(set, fresh) }),
			unlessEmpty(fresh, func() error { return conn.SetAddElements(set, fresh) }),
		)
		if err != nil {
			return fmt.Errorf("write elements of set %s: %w", s.name, err)
		}
	}
	return conn.Flush()
}

func unlessEmpty(elements []nftables.SetElement, f func() error) error {
	if len(elements) == 0 {
		return nil
	}
	return f()
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

// nftables returns a connection that opens a socket in the namespace for each transaction: after some errors
// the library leaves answers unread, which would be taken for those of the next transaction.
func (n *linuxNetns) nftables() *nftables.Conn { return &nftables.Conn{NetNS: n.nftNetns()} }

// nftNetns is 0, the process's own namespace, or a file descriptor.
func (n *linuxNetns) nftNetns() int {
	if n.own {
		return 0
	}
	return int(n.at)
}
