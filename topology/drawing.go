package topology

import (
	"cmp"
	"fmt"

	"github.com/braid-cni/braid/wire"
)

// A drawing is the picture with a place for everything, in pixels. What is inside a node is placed from the node's upper
// left corner.
type drawing struct {
	Width, Height int
	Title         string
	Summary       string
	Nodes         []*box
}

// A box is a node. Bridges are rows, each with a rail that goes down from it; host links leave the rails to the right,
// one to a row, and end at the card of a pod. So no two lines share a place however many there are, and a box grows
// downwards only.
type box struct {
	X, Y, Width, Height int
	Name, Caption       string
	Links               []row
	Rails               []rail
	Cards               []card
	Wires               []strand
}

// A row is a link that is text and a mark.
type row struct {
	X, Y  int
	Link  wire.Link
	Color string
	// Columns are what is said of it beside its name.
	Columns []label
}

// A rail goes down from a bridge's row to its last port.
type rail struct {
	row
	Bottom int
}

// A strand is a host link.
type strand struct {
	// From is a place on the rail, NameX where its name begins, Gap where the line goes on, and To where it ends.
	From, NameX, Gap, To, Y int
	// OnRail is false where the host's end is no port.
	OnRail bool
	Link   wire.Link
	State  string
	Color  string
}

// A card is a pod, or what else a port leads to.
type card struct {
	X, Y, Width, Height int
	// Space is the part of the name that is the namespace.
	Space, Name string
	Plain       bool
	Lines       []slot
}

// A slot is an interface of a pod.
type slot struct {
	X, Y   int
	Color  string
	Link   wire.Link
	Bad    bool
	Labels []label
}

// A label is a text at a place.
type label struct {
	X, Y  int
	Class string
	Text  string
}

// Least is how far a page may shrink the drawing for its text to be legible still.
func (d *drawing) Least() int { return d.Width * 4 / 5 }

// Describe is what a viewer shows over a link.
func (r row) Describe() string { return describe(r.Link) }

// MarkX and MarkY are the corner of a mark around the row's place.
func (r row) MarkX() int { return r.X - 5 }
func (r row) MarkY() int { return r.Y - 5 }

// Path is the rail's line.
func (r rail) Path() string { return fmt.Sprintf("M%d %dV%d", r.X, r.Y, r.Bottom) }

// Name is what stands in the line.
func (s strand) Name() string { return cmp.Or(s.Link.Name, noHostLink) }

// Describe is what a viewer shows over a link.
func (s strand) Describe() string { return cmp.Or(describe(s.Link), noHostLink) }

// Line is interrupted where the name stands. Nothing is drawn of a link that is not there.
func (s strand) Line() string {
	if s.Link.Name == "" {
		return ""
	}
	return fmt.Sprintf("M%d %dH%dM%d %dH%d", s.From, s.Y, s.NameX-nameGap, s.Gap, s.Y, s.To)
}

// Dashes show that no packets pass.
func (s strand) Dashes() string {
	if s.State == wire.StateUp {
		return ""
	}
	return "5 4"
}

// TextY is the base of the name.
func (s strand) TextY() int { return s.Y + 4 }

// NameX and NameY are where the card's name begins.
func (c card) NameX() int { return c.X + inset }

func (c card) NameY() int {
	if c.Plain {
		return c.Y + c.Height/2 + 4
	}
	return c.Y + 22
}

// Describe is what a viewer shows over an interface.
func (s slot) Describe() string { return describe(s.Link) }
