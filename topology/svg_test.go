package topology

import (
	"encoding/xml"
	"fmt"
	"strings"
	"testing"

	"github.com/braid-cni/braid/wire"
)

// An element is one of a drawing.
type element struct {
	Attributes []xml.Attr `xml:",any,attr"`
	Text       string     `xml:",chardata"`
	Inside     []element  `xml:",any"`
}

// find collects the text of each element that has an attribute, its tooltip's first.
func (e element) find(attribute string, found map[string]string) {
	for _, a := range e.Attributes {
		if a.Name.Local == attribute {
			found[a.Value] = e.words()
		}
	}
	for _, inside := range e.Inside {
		inside.find(attribute, found)
	}
}

func (e element) words() string {
	text := e.Text
	for _, inside := range e.Inside {
		text += "\n" + inside.words()
	}
	return text
}

// elements reads a drawing and returns what find finds in it.
func elements(t *testing.T, drawing, attribute string) map[string]string {
	t.Helper()
	var all element
	if err := xml.Unmarshal([]byte(drawing), &all); err != nil {
		t.Fatalf("the drawing is not well-formed: %v", err)
	}
	found := map[string]string{}
	all.find(attribute, found)
	return found
}

func svg(top *Topology, b *strings.Builder) error  { return top.SVG(b) }
func page(top *Topology, b *strings.Builder) error { return top.Page(b) }

func TestDrawingHoldsEveryLink(t *testing.T) {
	drawing := drawn(t, world(), svg)
	links := elements(t, drawing, "data-link")
	for _, inspection := range world() {
		for _, link := range inspection.Links {
			text, ok := links[link.Name]
			if !ok || strings.Count(text, link.Name) < 2 {
				t.Errorf("%s: %q", link.Name, text)
			}
			for _, part := range []string{link.MAC, fmt.Sprintf("MTU %d", link.MTU), link.Alias, link.State} {
				if !strings.Contains(text, part) {
					t.Errorf("%s: %q lacks %q", link.Name, text, part)
				}
			}
		}
	}
	interfaces := elements(t, drawing, "data-interface")
	if text := interfaces[`e"<&\`]; !strings.Contains(text, `default/<"&\|{}>`) || !strings.Contains(text, "fd00:10:244:1::9/64") {
		t.Errorf("the odd interface: %q", text)
	}
	if !strings.Contains(drawing, "stroke-dasharray") {
		t.Error("the link that is down is drawn like others")
	}
}

// What is drawn is inside its node, and no two texts of a row are over each other.
func TestDrawingHasRoomForAll(t *testing.T) {
	for _, inspections := range [][]*wire.Inspection{world(), crowd(3, 10)} {
		d := New(inspections).draw()
		for _, n := range d.Nodes {
			if n.X+n.Width > d.Width || n.Y+n.Height > d.Height {
				t.Errorf("%s is not inside", n.Name)
			}
			ends := map[int]int{}
			for _, c := range n.Cards {
				if c.X+c.Width > n.Width || c.Y+c.Height > n.Height {
					t.Errorf("%s: the card of %s is not inside", n.Name, c.Name)
				}
				for _, s := range c.Lines {
					for _, l := range s.Labels {
						if l.Text != "" && l.X < ends[l.Y] || l.X+textWidth(l.Text) > c.X+c.Width {
							t.Errorf("%s: %q of %s has no room", n.Name, l.Text, c.Name)
						}
						ends[l.Y] = max(ends[l.Y], l.X+textWidth(l.Text))
					}
				}
			}
		}
	}
}

// crowd is nodes with pods of three interfaces each.
func crowd(nodes, pods int) (all []*wire.Inspection) {
	for n := range nodes {
		node := &wire.Inspection{Node: fmt.Sprintf("node-%d", n+1)}
		for p := range pods {
			number := 100*n + 3*p
			add(node, fmt.Sprintf("web-%02d", p), iface("cluster", "eth0", "braid0", number), iface("default/neta", "net1", "br-a", number+1), iface("default/netb", "net2", "br-b", number+2))
		}
		for _, b := range []string{"braid0", "br-a", "br-b"} {
			node.Links = append(node.Links, wire.Link{Name: b, Kind: "bridge", MTU: 1500, State: wire.StateUp})
		}
		all = append(all, node)
	}
	return all
}

func TestPageNeedsNothing(t *testing.T) {
	got := drawn(t, world(), page)
	if !strings.HasPrefix(got, "<!DOCTYPE html>") || !strings.Contains(got, "prefers-color-scheme: dark") {
		t.Errorf("got %.300s", got)
	}
	for _, word := range []string{"<script", "<link", "<img", "src=", "href=", "url(", "@import", "http://", "https://"} {
		// The name of SVG itself is an address that nobody asks.
		if strings.Contains(strings.ReplaceAll(got, "http://www.w3.org/2000/svg", ""), word) {
			t.Errorf("the page holds %q", word)
		}
	}
}
