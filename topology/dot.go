package topology

import (
	"fmt"
	"io"
	"strings"

	"github.com/braid-cni/braid/wire"
)

// Dot writes the picture in the language of Graphviz.
func (t *Topology) Dot(w io.Writer) error {
	d := new(dot)
	d.line("graph braid {")
	d.line("  graph [rankdir=LR, ranksep=2, fontname=\"Helvetica\"]")
	d.line("  node [shape=box, style=rounded, fontname=\"Helvetica\"]")
	d.line("  edge [fontname=\"Courier\", fontsize=10]")
	for i, n := range t.Nodes {
		d.node(i, n)
	}
	d.line("}")
	if _, err := io.WriteString(w, d.text.String()); err != nil {
		return fmt.Errorf("write the graph: %w", err)
	}
	return nil
}

// dot is a graph that is being written. What is drawn is named by numbers, since a name may hold any character.
type dot struct{ text strings.Builder }

func (d *dot) line(format string, args ...any) { fmt.Fprintf(&d.text, format+"\n", args...) }

func (d *dot) node(number int, n *Node) {
	d.line("  subgraph cluster_%d {", number)
	d.line("    label=%s", quoted(n.Name))
	for i, link := range n.Links {
		d.line("    n%dl%d [label=%s, tooltip=%s, style=dashed]", number, i, quoted(link.Name, link.Addresses...), quoted(describe(link)))
	}
	if n.empty() {
		d.line("    n%d [shape=plaintext, label=%s]", number, quoted(nothing))
	}
	ids := map[*Bridge]string{}
	for i, b := range n.Bridges {
		ids[b] = fmt.Sprintf("n%db%d", number, i)
		d.line("    %s [label=%s, tooltip=%s, penwidth=2]", ids[b], quoted(b.Name, b.Addresses...), quoted(describe(b.Link)))
	}
	for i, p := range n.Pods {
		d.pod(fmt.Sprintf("n%dp%d", number, i), p, ids)
	}
	for _, b := range n.Bridges {
		d.strangers(ids[b], b)
	}
	d.line("  }")
}

// pod is a record with a field for every interface, at which the host links end.
func (d *dot) pod(id string, p *Pod, bridges map[*Bridge]string) {
	fields := field(p.String())
	for i, l := range p.Lines {
		fields += fmt.Sprintf("|<i%d> %s", i, field(strings.Join(append([]string{l.Interface.Name}, l.Interface.Addresses...), " ")+" "+l.Interface.Network))
	}
	d.line("    %s [shape=record, label=\"%s\"]", id, fields)
	for i, l := range p.Lines {
		end := fmt.Sprintf("%s:i%d", id, i)
		switch {
		case l.Bridge != nil:
			d.edge(bridges[l.Bridge], end, l)
		case l.Host.Name != "":
			from := fmt.Sprintf("%sh%d", id, i)
			d.line("    %s [shape=point]", from)
			d.edge(from, end, l)
		}
	}
}

// strangers are the ports of a bridge that are no pod's.
func (d *dot) strangers(id string, b *Bridge) {
	for i, l := range b.Ports {
		if l.Pod == nil {
			end := fmt.Sprintf("%sx%d", id, i)
			d.line("    %s [label=%s, style=dashed]", end, quoted(kindOf(l.Host), l.Host.Addresses...))
			d.edge(id, end, l)
		}
	}
}

func (d *dot) edge(from, to string, l *Line) {
	style := "solid"
	if l.State() != wire.StateUp {
		style = "dashed"
	}
	d.line("    %s -- %s [label=%s, tooltip=%s, style=%s]", from, to, quoted(l.Host.Name), quoted(describe(l.Host)), style)
}

// describe says in one line what a person may want to know of a link.
func describe(link wire.Link) string {
	var parts []string
	for _, part := range []struct{ name, value string }{
		{"", link.Name}, {"", strings.Join(link.Addresses, ", ")}, {"MAC ", link.MAC}, {"", strings.ToUpper(mtu(link.MTU))},
		{"alias ", link.Alias}, {"", link.State},
	} {
		if part.value != "" {
			parts = append(parts, part.name+part.value)
		}
	}
	return strings.Join(parts, " · ")
}

// quoted is a string of the dot language, of several lines.
func quoted(first string, more ...string) string {
	lines := append([]string{first}, more...)
	for i := range lines {
		lines[i] = strings.NewReplacer(`\`, `\\`, `"`, `\"`, `&`, `&amp;`).Replace(lines[i])
	}
	return `"` + strings.Join(lines, `\n`) + `"`
}

// field is a part of a record's label, in which more characters mean something.
func field(text string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, `&`, `&amp;`, `{`, `\{`, `}`, `\}`, `|`, `\|`, `<`, `\<`, `>`, `\>`).Replace(text)
}
