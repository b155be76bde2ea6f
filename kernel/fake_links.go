package kernel

import (
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

// ethernetMTU is the kernel's default of veth and bridge.
const ethernetMTU = 1500

func (n *fakeNetns) Link(name string) (Link, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	l, err := n.space.find(name)
	if err != nil {
		return Link{}, fmt.Errorf("find link %q: %w", name, err)
	}
	return l.view(), nil
}

func (n *fakeNetns) Links() ([]Link, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	var links []Link
	for _, l := range n.space.sorted() {
		links = append(links, l.view())
	}
	return links, nil
}

func (n *fakeNetns) SetGroup(group uint32, names []string) (found []string, err error) {
	err = n.locked("set link group", func() error {
		for _, name := range names {
			if l, err := n.space.find(name); err == nil {
				l.Link.Group = group
				found = append(found, name)
			}
		}
		return nil
	})
	if err != nil {
		return names, err
	}
	return found, nil
}

func (n *fakeNetns) Strangers(group uint32, known func(string) bool) ([]string, error) {
	links, err := n.Links()
	var names []string
	for _, l := range links {
		if l.Group == group && !known(l.Name) {
			names = append(names, l.Name)
		}
	}
	return names, err
}

func (n *fakeNetns) Ports(bridge int) ([]Link, error) {
	links, err := n.Links()
	return slices.DeleteFunc(links, func(l Link) bool { return l.Master != bridge }), err
}

// view is a copy that shares nothing, with the operational state as the kernel would derive it.
func (l *fakeLink) view() Link {
	v := l.Link
	v.MAC, v.AltNames = slices.Clone(l.MAC), slices.Clone(l.AltNames)
	v.Running = l.running()
	if l.peer != nil {
		v.Peer = l.peer.Index
	}
	return v
}

func (l *fakeLink) running() bool {
	if l.Kind != "bridge" {
		return l.Up && l.peer != nil && l.peer.Up
	}
	for _, port := range l.space.links {
		if port.Master == l.Index && port.running() {
			return l.Up
		}
	}
	return false
}

func (n *fakeNetns) AddVeth(v Veth) (Link, error) {
	err := n.locked("add veth", func() error {
		if err := n.addVeth(v); err != nil {
			return fmt.Errorf("add veth %q with peer %q: %w", v.Name, v.Peer, err)
		}
		return nil
	})
	if err != nil {
		return Link{}, err
	}
	return n.Link(v.Name)
}

func (n *fakeNetns) addVeth(v Veth) error {
	far := n.space
	if v.PeerNetns != nil {
		far = v.PeerNetns.(*fakeNetns).space
	}
	if err := freeName(n.space, v.Name); err != nil {
		return err
	}
	if err := freeName(far, v.Peer); err != nil {
		return err
	}
	if v.Master != 0 && (n.space.links[v.Master] == nil || n.space.links[v.Master].Kind != "bridge") {
		return unix.EINVAL
	}
	mtu := orDefault(v.MTU)
	near := n.space.add(Link{
		Name: v.Name, Kind: "veth", MTU: mtu, MAC: v.MAC, Group: v.Group, Master: v.Master, Up: v.Up, Alias: v.Alias,
	})
	if v.AltName != "" {
		near.AltNames = []string{v.AltName}
	}
	near.peer = far.add(Link{Name: v.Peer, Kind: "veth", MTU: mtu, MAC: v.PeerMAC})
	near.peer.peer = near
	if v.Master != 0 {
		near.port = newPort()
	}
	return nil
}

func freeName(s *fakeSpace, name string) error {
	if len(name) == 0 || len(name) > 15 {
		return unix.EINVAL
	}
	if _, err := s.find(name); err == nil {
		return unix.EEXIST
	}
	return nil
}

func newPort() Port { return Port{VLANs: []VLAN{{ID: 1, PVID: true, Untagged: true}}} }

func orDefault(mtu int) int {
	if mtu == 0 {
		return ethernetMTU
	}
	return mtu
}

func (n *fakeNetns) AddBridge(b Bridge) error {
	return n.locked("add bridge", func() error {
		if err := freeName(n.space, b.Name); err != nil {
			return fmt.Errorf("add bridge %q: %w", b.Name, err)
		}
		mac := b.MAC
		if mac == nil {
			mac = RandomMAC()
		}
		n.space.add(Link{
			Name: b.Name, Kind: "bridge", MTU: orDefault(b.MTU), MAC: mac, VLANFiltering: b.VLANFiltering,
		})
		return nil
	})
}

func (n *fakeNetns) SetLink(name string, c LinkChange) error {
	return n.locked("set link", func() error {
		l, err := n.space.find(name)
		if err == nil && c.Name != "" {
			err = freeName(n.space, c.Name)
		}
		if err != nil {
			return fmt.Errorf("set link %q: %w", name, err)
		}
		l.apply(c)
		return nil
	})
}

func (l *fakeLink) apply(c LinkChange) {
	set(&l.Name, c.Name)
	set(&l.MTU, c.MTU)
	set(&l.Alias, c.Alias)
	set(&l.Group, c.Group)
	l.Up = (l.Up || c.Up) && !c.Down
	l.Promisc = l.Promisc || c.Promisc
	l.VLANFiltering = l.VLANFiltering || c.VLANFiltering
	if c.MAC != nil {
		l.MAC = slices.Clone(c.MAC)
	}
	if c.AltName != "" && !slices.Contains(l.AltNames, c.AltName) {
		l.AltNames = append(l.AltNames, c.AltName)
	}
	if c.Master != 0 {
		l.Master, l.port = c.Master, newPort()
	}
	if c.Down {
		l.space.dropRoutes(l.Index)
	}
}

func set[T comparable](field *T, value T) {
	var zero T
	if value != zero {
		*field = value
	}
}

func (n *fakeNetns) DelLink(name string) error {
	return n.locked("delete link", func() error {
		l, err := n.space.find(name)
		if err != nil {
			return nil
		}
		if l.Name == "lo" {
			return fmt.Errorf("delete link %q: %w", name, unix.EOPNOTSUPP)
		}
		n.space.remove(l)
		return nil
	})
}

func (n *fakeNetns) DelGroup(group uint32) error {
	return n.locked("delete link group", func() error {
		var members []*fakeLink
		for _, l := range n.space.sorted() {
			if l.Group != group {
				continue
			}
			if l.Name == "lo" {
				return fmt.Errorf("delete link group %d: %w", group, unix.EOPNOTSUPP)
			}
			members = append(members, l)
		}
		if group == 0 {
			return fmt.Errorf("delete link group 0: %w", unix.EPERM)
		}
		for _, l := range members {
			n.space.remove(l)
		}
		return nil
	})
}

func (n *fakeNetns) Port(name string) (Port, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	l, err := n.space.find(name)
	if err != nil {
		return Port{}, fmt.Errorf("read bridge port %q: %w", name, err)
	}
	port := l.port
	port.VLANs = slices.Clone(port.VLANs)
	return port, nil
}

func (n *fakeNetns) SetPort(name string, p Port) error {
	return n.locked("set bridge port", func() error {
		l, err := n.space.find(name)
		if err == nil && l.Master == 0 {
			err = unix.EOPNOTSUPP
		}
		if err != nil {
			return fmt.Errorf("set bridge port %q: %w", name, err)
		}
		l.port.Hairpin, l.port.Isolated = p.Hairpin, p.Isolated
		if p.VLANs != nil {
			l.port.VLANs = slices.SortedFunc(slices.Values(p.VLANs), func(a, b VLAN) int { return int(a.ID) - int(b.ID) })
		}
		return nil
	})
}
