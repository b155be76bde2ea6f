// Package topology draws what the agents of nodes say of their networks: nodes, bridges, host links, and the interfaces
// of pods. A picture is made of inspections alone, so it can be drawn of nodes that are elsewhere, and the same
// inspections give the same picture to the byte.
//
// Tree and Dot write text, SVG and Page a drawing that needs nothing but itself.
package topology

import (
	"cmp"
	"slices"

	"github.com/braid-cni/braid/wire"
)

// A Topology is one picture, with the nodes in the order in which their inspections came.
type Topology struct {
	Nodes []*Node
}

const (
	// nothing is what is said of an empty node.
	nothing = "no pod has a network from Braid here"
	// noHostLink stands for the name of one that is not there.
	noHostLink = "(no host link)"
)

// A Node is a machine.
type Node struct {
	Name string
	// Links are neither bridges nor ports of one: uplinks, tunnels, and what was left behind.
	Links []wire.Link
	// Bridges begin with those of cluster networks; the rest, like Pods, is sorted by name.
	Bridges []*Bridge
	Pods    []*Pod
}

func (n *Node) empty() bool { return len(n.Links)+len(n.Bridges)+len(n.Pods) == 0 }

// A Bridge has its ports sorted by pod and interface, those of no pod last.
type Bridge struct {
	wire.Link
	Ports []*Line
}

// A Pod is one pod sandbox, with a line for each interface in the order in which it got them.
type Pod struct {
	// Name is "namespace/name", or the beginning of the container's ID where there is no pod.
	Name string
	// Attached is false while an ADD is under way, and after one that was broken off.
	Attached bool
	Lines    []*Line
}

// String returns the name, and what is unusual about the pod.
func (p *Pod) String() string {
	if p.Attached {
		return p.Name
	}
	return p.Name + " (not attached)"
}

// A Line leads from a bridge by a link of the host to an interface of a pod. It may lack either: Bridge is nil where the
// host's end is no port, and Pod is nil for a port that leads elsewhere, as a tunnel or a network card does.
type Line struct {
	Bridge *Bridge
	// Host has no name where the interface has no end on the host.
	Host wire.Link
	Pod  *Pod
	// Interface is that of the pod.
	Interface wire.Interface
}

// State is the worse one of both ends.
func (l *Line) State() string {
	if l.Pod != nil && (l.Interface.State != wire.StateUp || l.Host.Name == "") {
		return l.Interface.State
	}
	return l.Host.State
}

// New makes the picture of nodes.
func New(inspections []*wire.Inspection) *Topology {
	t := new(Topology)
	for _, inspection := range inspections {
		t.Nodes = append(t.Nodes, newNode(inspection))
	}
	return t
}

func newNode(inspection *wire.Inspection) *Node {
	s := &survey{
		node: &Node{Name: cmp.Or(inspection.Node, "this node")}, links: map[string]wire.Link{},
		bridges: map[string]*Bridge{}, taken: map[string]bool{},
	}
	for _, link := range inspection.Links {
		s.links[link.Name] = link
		if link.Kind == "bridge" {
			s.bridge(link.Name)
		}
	}
	for _, c := range inspection.Containers {
		s.pod(c)
	}
	for _, link := range inspection.Links {
		s.rest(link)
	}
	s.node.sort()
	return s.node
}

// sort puts everything in an order that does not depend on that of the inspection.
func (n *Node) sort() {
	slices.SortStableFunc(n.Pods, func(a, b *Pod) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(n.Links, func(a, b wire.Link) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(n.Bridges, func(a, b *Bridge) int {
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), cmp.Compare(a.Name, b.Name))
	})
	for _, b := range n.Bridges {
		slices.SortStableFunc(b.Ports, compareLines)
	}
}

// rank is 0 for the bridge of a cluster network.
func (b *Bridge) rank() int {
	if slices.ContainsFunc(b.Ports, func(l *Line) bool { return l.Interface.Default }) {
		return 0
	}
	return 1
}

func compareLines(a, b *Line) int {
	if (a.Pod == nil) != (b.Pod == nil) {
		if a.Pod == nil {
			return 1
		}
		return -1
	}
	if a.Pod == nil {
		return cmp.Compare(a.Host.Name, b.Host.Name)
	}
	return cmp.Or(cmp.Compare(a.Pod.Name, b.Pod.Name), cmp.Compare(a.Interface.Name, b.Interface.Name))
}
