package topology

import (
	"strings"

	"github.com/braid-cni/braid/wire"
)

// place fills the box.
func (p *plan) place() *box {
	p.y = head
	for _, link := range p.node.Links {
		p.box.Links = append(p.box.Links, p.row(padding+8, link, "plain"))
	}
	if len(p.node.Links) > 0 {
		p.y += cardGap
	}
	for _, b := range p.node.Bridges {
		r := rail{row: p.row(p.rails[b], b.Link, p.palette[b.Name])}
		r.Bottom = r.Y
		p.box.Rails = append(p.box.Rails, r)
	}
	if len(p.node.Bridges) > 0 {
		p.y += cardGap
	}
	for _, pod := range p.node.Pods {
		p.pod(pod)
	}
	for _, l := range p.node.strangers() {
		p.stranger(l)
	}
	if p.node.empty() {
		p.y += cardGap
	}
	p.box.Height = p.y + padding - cardGap
	return p.box
}

// row takes the next place for a link that is text and a mark.
func (p *plan) row(x int, link wire.Link, color string) row {
	r := row{X: x, Y: p.y + rowHeight/2, Link: link, Color: color}
	at := x + 16
	for _, text := range rowTexts(link) {
		if text.Text != "" {
			text.X, text.Y = at, r.Y+4
			r.Columns = append(r.Columns, text)
			at += textWidth(text.Text) + column
		}
	}
	p.y += rowHeight
	return r
}

// pod draws its card and the host links that end at it.
func (p *plan) pod(pod *Pod) {
	c := card{X: p.cardX, Y: p.y, Width: p.cardWidth, Name: pod.String()}
	if space, name, ok := strings.Cut(c.Name, "/"); ok {
		c.Space, c.Name = space+"/", name
	}
	p.y += cardHead
	for _, l := range pod.Lines {
		c.Lines = append(c.Lines, p.slot(l))
		p.strand(l, p.y+rowHeight/2)
		p.y += rowHeight + max(len(l.Interface.Addresses)-1, 0)*lineStep
	}
	p.y += cardFoot
	c.Height = p.y - c.Y
	p.y += cardGap
	p.box.Cards = append(p.box.Cards, c)
}

func (p *plan) slot(l *Line) slot {
	i := l.Interface
	y := p.y + rowHeight/2 + 4
	s := slot{
		X: p.cardX, Y: y - 4, Color: p.color(l), Bad: l.State() != wire.StateUp,
		Link: wire.Link{Name: i.Name, Addresses: i.Addresses, MAC: i.MAC, MTU: i.MTU, State: i.State},
	}
	s.Labels = append(s.Labels, label{X: p.cardX + inset, Y: y, Class: "name", Text: i.Name})
	for n, address := range i.Addresses {
		s.Labels = append(s.Labels, label{X: p.addressX, Y: y + n*lineStep, Class: "address", Text: address})
	}
	s.Labels = append(s.Labels, label{X: p.networkX, Y: y, Class: "network", Text: i.Network})
	class := "quiet"
	if s.Bad {
		class = "bad"
	}
	s.Labels = append(s.Labels, label{X: p.stateX, Y: y, Class: class, Text: remark(l)})
	return s
}

func (p *plan) color(l *Line) string {
	if l.Bridge == nil {
		return "plain"
	}
	return p.palette[l.Bridge.Name]
}

// strand draws a host link, and its rail down to it.
func (p *plan) strand(l *Line, y int) {
	s := strand{
		From: p.nameX - stub, NameX: p.nameX, To: p.cardX, Y: y, OnRail: l.Bridge != nil,
		Gap: p.nameX + textWidth(hostName(l)) + nameGap, Link: l.Host, State: l.State(), Color: p.color(l),
	}
	if l.Bridge != nil {
		s.From = p.rails[l.Bridge]
	}
	for i := range p.box.Rails {
		if l.Bridge != nil && p.box.Rails[i].Link.Name == l.Bridge.Name {
			p.box.Rails[i].Bottom = y
		}
	}
	p.box.Wires = append(p.box.Wires, s)
}

// stranger draws a port that leads elsewhere.
func (p *plan) stranger(l *Line) {
	c := card{X: p.cardX, Y: p.y, Width: p.cardWidth, Height: rowHeight + cardFoot, Plain: true}
	c.Name = strings.Join(append([]string{kindOf(l.Host) + ", no pod"}, l.Host.Addresses...), "  ")
	p.strand(l, p.y+c.Height/2)
	p.y += c.Height + cardGap
	p.box.Cards = append(p.box.Cards, c)
}
