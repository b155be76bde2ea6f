package kernel

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

// A Fake is a kernel in memory, for tests: namespaces with links, bridges, addresses, routes, neighbours, sysctls
// and nft elements. It refuses what the kernel refuses with the same errno. It makes no link-local addresses and
// no routes of its own, and moves no packets.
type Fake struct {
	Options
	mu     sync.Mutex
	host   *fakeSpace
	spaces map[string]*fakeSpace
}

// NewFake returns a kernel with an empty host namespace. Of the options Hook and Refuse count.
func NewFake(o Options) *Fake {
	return &Fake{Options: o, host: newFakeSpace(), spaces: make(map[string]*fakeSpace)}
}

// AddNetns makes an empty namespace at a path.
func (f *Fake) AddNetns(path string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.spaces[path] = newFakeSpace()
}

// DelNetns removes a namespace, and with it its links and their peers.
func (f *Fake) DelNetns(path string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if space := f.spaces[path]; space != nil {
		for _, l := range space.sorted() {
			space.remove(l)
		}
	}
	delete(f.spaces, path)
}

// Host opens the host's namespace.
func (f *Fake) Host() (Netns, error) { return &fakeNetns{Fake: f, space: f.host}, nil }

// Open opens a namespace that AddNetns made.
func (f *Fake) Open(path string) (Netns, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	space := f.spaces[path]
	if space == nil {
		return nil, fmt.Errorf("open %q: %w", path, ErrNoNetns)
	}
	return &fakeNetns{Fake: f, space: space}, nil
}

// A fakeSpace is the state of one namespace.
type fakeSpace struct {
	links      map[int]*fakeLink
	last       int
	routes     []Route
	neighbours []Neighbour
	sysctls    map[string]string
	elements   []Element
}

type fakeLink struct {
	Link
	space     *fakeSpace
	peer      *fakeLink
	port      Port
	addresses []Address
}

func newFakeSpace() *fakeSpace {
	s := &fakeSpace{links: make(map[int]*fakeLink), sysctls: make(map[string]string)}
	s.add(Link{Name: "lo", MTU: 65536})
	return s
}

func (s *fakeSpace) add(l Link) *fakeLink {
	s.last++
	l.Index = s.last
	link := &fakeLink{Link: l, space: s}
	s.links[l.Index] = link
	return link
}

func (s *fakeSpace) find(name string) (*fakeLink, error) {
	for _, l := range s.links {
		if l.Name == name || slices.Contains(l.AltNames, name) {
			return l, nil
		}
	}
	return nil, ErrNoLink
}

func (s *fakeSpace) sorted() []*fakeLink {
	return slices.SortedFunc(maps.Values(s.links), func(a, b *fakeLink) int { return a.Index - b.Index })
}

// remove takes the other end of a veth along, and sets the ports of a bridge free.
func (s *fakeSpace) remove(l *fakeLink) {
	for _, end := range []*fakeLink{l, l.peer} {
		if end == nil {
			continue
		}
		delete(end.space.links, end.Index)
		end.space.dropRoutes(end.Index)
		end.space.neighbours = slices.DeleteFunc(end.space.neighbours, func(e Neighbour) bool { return e.Link == end.Index })
	}
	for _, other := range s.links {
		if other.Master == l.Index {
			other.Master = 0
		}
	}
}

func (s *fakeSpace) dropRoutes(link int) {
	s.routes = slices.DeleteFunc(s.routes, func(r Route) bool { return r.Link == link })
}

// A fakeNetns is an open namespace. Every method holds the Fake's lock while it works.
type fakeNetns struct {
	*Fake
	space *fakeSpace
}

func (n *fakeNetns) Close() error { return nil }

// locked runs a change; hooks are called without the lock, because they may look at the kernel.
func (n *fakeNetns) locked(change string, f func() error) error {
	return n.change(change, func() error {
		n.mu.Lock()
		defer n.mu.Unlock()
		return f()
	})
}

func (n *fakeNetns) Neighbours(link int) ([]Neighbour, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	var found []Neighbour
	for _, e := range n.space.neighbours {
		if e.Link == link {
			found = append(found, e)
		}
	}
	return found, nil
}

func (n *fakeNetns) SetNeighbour(e Neighbour) error {
	return n.locked("set neighbour", func() error {
		if n.space.links[e.Link] == nil {
			return fmt.Errorf("set neighbour %s of link %d: %w", e.Addr, e.Link, unix.ENODEV)
		}
		n.space.dropNeighbour(e)
		n.space.neighbours = append(n.space.neighbours, e)
		return nil
	})
}

func (n *fakeNetns) DelNeighbour(e Neighbour) error {
	return n.locked("delete neighbour", func() error {
		n.space.dropNeighbour(e)
		return nil
	})
}

func (s *fakeSpace) dropNeighbour(e Neighbour) {
	s.neighbours = slices.DeleteFunc(s.neighbours, func(o Neighbour) bool {
		return o.Link == e.Link && o.Addr == e.Addr
	})
}

func (n *fakeNetns) Sysctl(name string) (string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if value, ok := n.space.sysctls[name]; ok {
		return value, nil
	}
	return "0", nil
}

func (n *fakeNetns) SetSysctls(settings ...Setting) error {
	for _, s := range settings {
		err := n.locked("set sysctl", func() error {
			n.space.sysctls[s.Name] = s.Value
			return nil
		})
		if err != nil {
			return fmt.Errorf("set sysctl %s to %s: %w", s.Name, s.Value, err)
		}
	}
	return nil
}

func (n *fakeNetns) Elements() ([]Element, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.space.elements), nil
}

func (n *fakeNetns) UpdateElements(add, del []Element) error {
	return n.locked("update nft elements", func() error {
		left := slices.Clone(n.space.elements)
		for _, e := range del {
			i := slices.IndexFunc(left, e.sameKey)
			if i < 0 {
				return fmt.Errorf("update nft elements: %w", unix.ENOENT)
			}
			left = slices.Delete(left, i, i+1)
		}
		for _, e := range add {
			left = append(slices.DeleteFunc(left, e.conflicts), e)
		}
		n.space.elements = left
		return nil
	})
}

func (e Element) sameKey(other Element) bool {
	e.Owner, other.Owner = Owner{}, Owner{}
	return e == other
}
