package topology

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/braid-cni/braid/wire"
)

// A branch is a line of text with what hangs on it. Its cells line up with those of the others at its depth on the node.
type branch struct {
	cells    []string
	branches []branch
}

// Tree writes the picture as text: below each node its bridges, on these the host links, each with the interface and the
// network that it leads to.
func (t *Topology) Tree(w io.Writer) error {
	var b strings.Builder
	for _, n := range t.Nodes {
		grown := n.branches()
		widths := map[int][]int{}
		measure(grown, 0, widths)
		fmt.Fprintln(&b, n.Name)
		grow(&b, grown, "", 0, widths)
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write the tree: %w", err)
	}
	return nil
}

func (n *Node) branches() (all []branch) {
	for _, link := range n.Links {
		all = append(all, branch{cells: linkCells(kindOf(link), link)})
	}
	for _, bridge := range n.Bridges {
		top := branch{cells: linkCells("bridge", bridge.Link)}
		for _, line := range bridge.Ports {
			top.branches = append(top.branches, branch{cells: line.cells()})
		}
		all = append(all, top)
	}
	if loose := n.loose(); len(loose) > 0 {
		all = append(all, branch{cells: []string{"on no bridge"}, branches: loose})
	}
	if n.empty() {
		all = append(all, branch{cells: []string{nothing}})
	}
	return all
}

// loose are the interfaces whose host side, if they have one, is no port.
func (n *Node) loose() (all []branch) {
	for _, pod := range n.Pods {
		for _, line := range pod.Lines {
			if line.Bridge == nil {
				all = append(all, branch{cells: line.cells()})
			}
		}
	}
	return all
}

// kindOf says what a link is to a reader.
func kindOf(link wire.Link) string {
	switch link.Kind {
	case "", "veth":
		return "link"
	case "vxlan", "geneve", "gre", "gretap", "ip6gre", "ip6gretap", "ipip", "sit", "ip6tnl", "wireguard", "tun":
		return link.Kind + " tunnel"
	}
	return link.Kind
}

func linkCells(kind string, link wire.Link) []string {
	return []string{kind, link.Name, strings.Join(link.Addresses, ","), mtu(link.MTU), link.State}
}

func (l *Line) cells() []string {
	host := cmp.Or(l.Host.Name, noHostLink)
	if l.Pod == nil {
		return []string{host, "──", "no pod", kindOf(l.Host), strings.Join(l.Host.Addresses, ","), "", mtu(l.Host.MTU), l.State()}
	}
	i := l.Interface
	return []string{host, "──", l.Pod.String(), i.Name, strings.Join(i.Addresses, ","), i.Network, mtu(i.MTU), l.State()}
}

func mtu(bytes int) string {
	if bytes == 0 {
		return ""
	}
	return "mtu " + strconv.Itoa(bytes)
}

// measure finds the widest cell of every column, by depth.
func measure(branches []branch, depth int, widths map[int][]int) {
	for _, b := range branches {
		for i, cell := range b.cells {
			if i == len(widths[depth]) {
				widths[depth] = append(widths[depth], 0)
			}
			if len(b.cells) > 1 { // a remark alone stands in no column
				widths[depth][i] = max(widths[depth][i], utf8.RuneCountInString(cell))
			}
		}
		measure(b.branches, depth+1, widths)
	}
}

// grow writes the branches below what prefix has drawn so far.
func grow(w *strings.Builder, branches []branch, prefix string, depth int, widths map[int][]int) {
	for i, b := range branches {
		fork, below := "├─ ", "│  "
		if i == len(branches)-1 {
			fork, below = "└─ ", "   "
		}
		text := ""
		for column, cell := range b.cells {
			width := widths[depth][column]
			if width > 0 || len(b.cells) == 1 {
				text += cell + strings.Repeat(" ", max(width-utf8.RuneCountInString(cell), 0)+gap(column, depth))
			}
		}
		fmt.Fprintln(w, prefix+fork+strings.TrimRight(text, " "))
		grow(w, b.branches, prefix+below, depth+1, widths)
	}
}

// gap is one blank where what follows belongs to the cell, two between columns.
func gap(column, depth int) int {
	if depth == 0 && column == 0 || depth > 0 && column < 3 {
		return 1
	}
	return 2
}
