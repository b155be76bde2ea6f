package topology

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io"
)

//go:embed picture.svg.tmpl page.html.tmpl
var templates embed.FS

// SVG writes the picture as a drawing in which all text is text, and every link an element with its name and a tooltip.
func (t *Topology) SVG(w io.Writer) error { return t.render(w, "picture.svg.tmpl") }

// Page writes the picture as an HTML page that loads nothing and runs nothing.
func (t *Topology) Page(w io.Writer) error { return t.render(w, "page.html.tmpl") }

func (t *Topology) render(w io.Writer, name string) error {
	parsed, err := template.ParseFS(templates, "*.tmpl")
	if err != nil {
		return fmt.Errorf("read the template of the picture: %w", err)
	}
	var b bytes.Buffer
	if err := parsed.ExecuteTemplate(&b, name, t.draw()); err != nil {
		return fmt.Errorf("draw the picture: %w", err)
	}
	if _, err := b.WriteTo(w); err != nil {
		return fmt.Errorf("write the picture: %w", err)
	}
	return nil
}
