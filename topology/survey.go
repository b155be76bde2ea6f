package topology

import (
	"cmp"

	"github.com/braid-cni/braid/wire"
)

// A survey is a node that is being put together.
type survey struct {
	node    *Node
	links   map[string]wire.Link
	bridges map[string]*Bridge
	// taken are the links that have their place in the picture.
	taken map[string]bool
}

// bridge returns the node's bridge of that name, nil for no name. One that the inspection does not describe is there
// all the same: an interface's host side is a port of it.
func (s *survey) bridge(name string) *Bridge {
	if name == "" || s.bridges[name] != nil {
		return s.bridges[name]
	}
	b := &Bridge{Link: s.link(name, "bridge")}
	s.bridges[name], s.taken[name] = b, true
	s.node.Bridges = append(s.node.Bridges, b)
	return b
}

func (s *survey) link(name, kind string) wire.Link {
	if link, ok := s.links[name]; ok {
		return link
	}
	return wire.Link{Name: name, Kind: kind}
}

// pod adds a pod and its lines.
func (s *survey) pod(c wire.Container) {
	p := &Pod{Name: podName(c), Attached: c.Attached}
	s.node.Pods = append(s.node.Pods, p)
	for _, i := range c.Interfaces {
		l := &Line{Bridge: s.bridge(i.Bridge), Pod: p, Interface: i}
		if i.HostLink != "" {
			l.Host = s.link(i.HostLink, "")
			l.Host.State = cmp.Or(l.Host.State, i.State)
			s.taken[i.HostLink] = true
		}
		s.add(l)
	}
}

// podName cuts a container's ID as runtimes do in their lists.
func podName(c wire.Container) string {
	if c.Pod != "" {
		return c.Namespace + "/" + c.Pod
	}
	return "container " + c.ID[:min(len(c.ID), 12)]
}

// rest places a link that no pod's interface brought: a port that leads elsewhere, or one that stands alone.
func (s *survey) rest(link wire.Link) {
	if s.taken[link.Name] {
		return
	}
	if b := s.bridges[link.Bridge]; b != nil {
		s.add(&Line{Bridge: b, Host: link})
		return
	}
	s.node.Links = append(s.node.Links, link)
}

func (s *survey) add(l *Line) {
	if l.Bridge != nil {
		l.Bridge.Ports = append(l.Bridge.Ports, l)
	}
	if l.Pod != nil {
		l.Pod.Lines = append(l.Pod.Lines, l)
	}
}
