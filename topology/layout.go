package topology

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/braid-cni/braid/wire"
)

// Sizes in pixels.
const (
	margin    = 32
	heading   = 92 // above the nodes
	between   = 28 // nodes
	padding   = 24 // inside a node
	head      = 72 // a node's name and caption
	rowHeight = 26
	lineStep  = 18 // between two addresses of one interface
	railStep  = 22
	nameGap   = 8  // beside a name that interrupts its line
	stub      = 30 // the shortest end of a host link beside its name
	cardHead  = 32
	cardFoot  = 8
	cardGap   = 14
	column    = 20 // between columns
	inset     = 16 // inside a card
	colors    = 8
)

// textWidth is that of text in the fixed-width font of 12 pixels. What fonts differ in, the gaps have room for.
func textWidth(text string) int { return (utf8.RuneCountInString(text)*73 + 9) / 10 }

// draw places everything, with two nodes side by side.
func (t *Topology) draw() *drawing {
	d := &drawing{Title: "Braid topology", Summary: t.summary()}
	palette := t.palette()
	width := 420
	for _, n := range t.Nodes {
		b := newPlan(n, palette).place()
		d.Nodes = append(d.Nodes, b)
		width = max(width, b.Width)
	}
	columns := min(max(len(d.Nodes), 1), 2)
	y := heading
	for pair := range slices.Chunk(d.Nodes, columns) {
		tallest := 0
		for i, b := range pair {
			b.X, b.Y = margin+i*(width+between), y
			b.widen(width)
			tallest = max(tallest, b.Height)
		}
		y += tallest + between
	}
	d.Width, d.Height = 2*margin+columns*width+(columns-1)*between, y-between+margin
	return d
}

// widen gives the cards the room that a wider box has.
func (b *box) widen(width int) {
	for i := range b.Cards {
		b.Cards[i].Width += width - b.Width
	}
	b.Width = width
}

func (t *Topology) summary() string {
	pods, links, networks := 0, 0, map[string]bool{}
	for _, n := range t.Nodes {
		pods += len(n.Pods)
		links += n.hostLinks()
		for _, p := range n.Pods {
			for _, l := range p.Lines {
				networks[l.Interface.Network] = true
			}
		}
	}
	return strings.Join([]string{count(len(t.Nodes), "node"), count(pods, "pod"), count(len(networks), "network"), count(links, "host link")}, " · ")
}

func (n *Node) hostLinks() (sum int) {
	for _, p := range n.Pods {
		for _, l := range p.Lines {
			if l.Host.Name != "" {
				sum++
			}
		}
	}
	return sum
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// palette gives each bridge a colour by its name, the same one on all nodes.
func (t *Topology) palette() map[string]string {
	var names []string
	for _, n := range t.Nodes {
		for _, b := range n.Bridges {
			if !slices.Contains(names, b.Name) {
				names = append(names, b.Name)
			}
		}
	}
	chosen := map[string]string{}
	for i, name := range names {
		chosen[name] = fmt.Sprintf("c%d", i%colors)
	}
	return chosen
}

// A plan is a box that is being filled from the top.
type plan struct {
	node    *Node
	box     *box
	palette map[string]string
	// rails are the places of the bridges' rails; nameX, nameWidth and cardX those of what is right of them.
	rails            map[*Bridge]int
	nameX, nameWidth int
	cardX, cardWidth int
	// addressX and networkX, stateX are columns of a card's inside.
	addressX, networkX, stateX int
	y                          int
}

func newPlan(n *Node, palette map[string]string) *plan {
	p := &plan{node: n, palette: palette, rails: map[*Bridge]int{}, box: &box{Name: n.Name, Caption: n.caption()}}
	for i, b := range n.Bridges {
		p.rails[b] = padding + 8 + i*railStep
	}
	p.nameX = padding + len(n.Bridges)*railStep + stub
	var ifname, address, network, state int
	for _, l := range n.lines() {
		p.nameWidth = max(p.nameWidth, textWidth(hostName(l)))
		ifname = max(ifname, textWidth(l.Interface.Name))
		for _, a := range l.Interface.Addresses {
			address = max(address, textWidth(a))
		}
		network = max(network, textWidth(l.Interface.Network))
		state = max(state, textWidth(remark(l)))
	}
	p.cardX = p.nameX + p.nameWidth + stub
	p.addressX = p.cardX + inset + ifname + column
	p.networkX = p.addressX + address + column
	p.stateX = p.networkX + network + column
	p.cardWidth = max(p.stateX+state+inset-p.cardX, p.widestTitle()+2*inset)
	p.box.Width = max(p.cardX+p.cardWidth+padding, p.widestRow()+padding)
	p.cardWidth = p.box.Width - padding - p.cardX
	return p
}

func (n *Node) caption() string {
	if n.empty() {
		return nothing
	}
	return strings.Join([]string{count(len(n.Pods), "pod"), count(len(n.Bridges), "bridge"), count(n.hostLinks(), "host link")}, " · ")
}

// lines are all those of the node: pods' first, then those that lead elsewhere.
func (n *Node) lines() (all []*Line) {
	for _, p := range n.Pods {
		all = append(all, p.Lines...)
	}
	return append(all, n.strangers()...)
}

// strangers are the ports that are no pod's.
func (n *Node) strangers() (all []*Line) {
	for _, b := range n.Bridges {
		for _, l := range b.Ports {
			if l.Pod == nil {
				all = append(all, l)
			}
		}
	}
	return all
}

func hostName(l *Line) string { return cmp.Or(l.Host.Name, noHostLink) }

// remark is what stands last in the row of an interface.
func remark(l *Line) string {
	if l.State() != wire.StateUp {
		return l.State()
	}
	return mtu(l.Interface.MTU)
}

func (p *plan) widestTitle() (width int) {
	for _, pod := range p.node.Pods {
		width = max(width, textWidth(pod.String())*5/4)
	}
	for _, l := range p.node.strangers() {
		width = max(width, textWidth(kindOf(l.Host)+strings.Join(l.Host.Addresses, " "))+column)
	}
	return width
}

func (p *plan) widestRow() (width int) {
	for _, link := range p.node.Links {
		width = max(width, padding+16+rowWidth(link))
	}
	for _, b := range p.node.Bridges {
		width = max(width, p.rails[b]+14+rowWidth(b.Link))
	}
	return width
}

func rowWidth(link wire.Link) (width int) {
	for _, text := range rowTexts(link) {
		if text.Text != "" {
			width += textWidth(text.Text) + column
		}
	}
	return width
}

// rowTexts are what stands beside a link's mark.
func rowTexts(link wire.Link) []label {
	kind := kindOf(link)
	if kind == "link" {
		kind = "" // every one is
	}
	state := link.State
	if state == wire.StateUp {
		state = ""
	}
	return []label{
		{Text: link.Name, Class: "name"}, {Text: strings.Join(link.Addresses, "  "), Class: "address"}, {Text: kind, Class: "quiet"},
		{Text: mtu(link.MTU), Class: "quiet"}, {Text: state, Class: "bad"},
	}
}
