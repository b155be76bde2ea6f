package main

import (
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/braid-cni/braid/kernel"
	"github.com/braid-cni/braid/lab"
	"github.com/braid-cni/braid/lab/labtest"
	"github.com/braid-cni/braid/wire"
)

func TestTopologyForms(t *testing.T) {
	for form, want := range map[string]string{
		"":     "node-1\n└─ no pod has a network from Braid here\n",
		"text": "node-1\n└─ no pod has a network from Braid here\n",
		"dot":  "graph braid {\n",
		"svg":  "<svg xmlns=",
		"html": "<!DOCTYPE html>\n",
	} {
		socket := serve(t, &wire.Response{Output: []byte(`{"node":"node-1","containers":[]}`)})
		args := []string{"topology", "--socket", socket}
		if form != "" {
			args = append(args, "-o", form)
		}
		if out := must(t, args...); !strings.HasPrefix(out, want) {
			t.Errorf("%q: got %.200s", form, out)
		}
	}
	socket := serve(t, &wire.Response{Output: []byte(`{"containers":[]}`)})
	if _, err := braidctl(t, "topology", "-o", "gif", "--socket", socket); err == nil || !strings.Contains(err.Error(), "use text, dot, svg or html") {
		t.Errorf("unknown output: %v", err)
	}
}

// What a browser makes of the page holds every link that the kernel has in the nodes and the pods of a laboratory.
func TestTopologyInABrowser(t *testing.T) {
	programs, dir := labtest.Programs(t), shortDir(t)
	must(t, "lab", "up", "--dir", dir, "--nodes", "2", "-f", example, "--programs", programs)
	defer must(t, "lab", "down", "--dir", dir)
	page := filepath.Join(t.TempDir(), "topology.html")
	if err := os.WriteFile(page, []byte(must(t, "lab", "topology", "--dir", dir, "-o", "html")), 0o644); err != nil {
		t.Fatal(err)
	}
	nodes := nodesOf(t, chromium(t, page, "--dump-dom"))
	l, err := lab.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, node := range l.Nodes {
		links := linksIn(t, filepath.Join(dir, "nodes", node.Name, "netns"))
		if len(links) < 7 { // an uplink, three bridges and a pod's three host links
			t.Errorf("%s has %d links", node.Name, len(links))
		}
		for _, link := range links {
			nodes[node.Name].holds(t, "data-link", link)
		}
	}
	for _, pod := range l.Pods {
		for _, link := range linksIn(t, filepath.Join(dir, "pods", pod.Namespace+"_"+pod.Name)) {
			nodes[pod.Node].holds(t, "data-interface", link)
		}
	}
	screenshot := filepath.Join(t.TempDir(), "topology.png")
	chromium(t, page, "--screenshot="+screenshot)
	seen(t, screenshot)
}

// linksIn asks the kernel for the links of a namespace, but for the loopback.
func linksIn(t *testing.T, netns string) (links []kernel.Link) {
	t.Helper()
	n, err := kernel.New(kernel.Options{HostNetns: netns}).Host()
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	all, err := n.Links()
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range all {
		if link.Name != "lo" {
			links = append(links, link)
		}
	}
	return links
}

// chromium opens a page and returns what the browser prints.
func chromium(t *testing.T, page string, args ...string) string {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("there is no chromium to look at the page with: run make setup")
	}
	home, err := os.MkdirTemp("", "chromium")
	if err != nil {
		t.Fatal(err)
	}
	// A process of the browser's that is about to end may write there still, which is no fault of the page.
	t.Cleanup(func() { _ = os.RemoveAll(home) })
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, append(args,
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--user-data-dir="+home, "--window-size=1440,900", "--hide-scrollbars",
		"--force-color-profile=srgb", "file://"+page)...)
	var out, log bytes.Buffer
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home}
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &out, &log, 5*time.Second
	if err := cmd.Run(); err != nil {
		t.Fatalf("open the page in chromium: %v\n%s", err, log.String())
	}
	return out.String()
}

// An element is one of the drawing as the browser has it.
type element struct {
	Attributes []xml.Attr `xml:",any,attr"`
	Text       string     `xml:",chardata"`
	Inside     []element  `xml:",any"`
}

// nodesOf reads the drawing in a page and returns the nodes in it by name.
func nodesOf(t *testing.T, page string) map[string]element {
	t.Helper()
	from, to := strings.Index(page, "<svg"), strings.LastIndex(page, "</svg>")
	if from < 0 || to < from {
		t.Fatalf("no drawing is in the page:\n%s", page)
	}
	var drawing element
	if err := xml.Unmarshal([]byte(page[from:to+len("</svg>")]), &drawing); err != nil {
		t.Fatalf("read the drawing: %v", err)
	}
	nodes := map[string]element{}
	drawing.with("data-node", func(name string, e element) { nodes[name] = e })
	return nodes
}

// with calls f with each element that has an attribute.
func (e element) with(attribute string, f func(value string, e element)) {
	for _, a := range e.Attributes {
		if a.Name.Local == attribute {
			f(a.Value, e)
		}
	}
	for _, inside := range e.Inside {
		inside.with(attribute, f)
	}
}

// words are all text of an element, the tooltip's first.
func (e element) words() string {
	text := e.Text
	for _, inside := range e.Inside {
		text += "\n" + inside.words()
	}
	return text
}

// holds fails the test if no element of that kind shows the link.
func (e element) holds(t *testing.T, kind string, link kernel.Link) {
	t.Helper()
	var found []string
	e.with(kind, func(name string, e element) {
		words := e.words()
		for _, part := range []string{link.MAC.String(), fmt.Sprintf("MTU %d", link.MTU), "\n" + link.Name + "\n"} {
			if !strings.Contains(words+"\n", part) {
				return
			}
		}
		if name == link.Name && (kind == "data-interface" || strings.Contains(words, link.Alias)) {
			found = append(found, words)
		}
	})
	if len(found) != 1 {
		t.Errorf("%s of the kernel, %v, is %d times in the page", link.Name, link.MAC, len(found))
	}
}

// seen fails the test if a picture is blank, or lacks the three bridges, each of which has a colour of its own.
func seen(t *testing.T, path string) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	picture, err := png.Decode(file)
	if err != nil {
		t.Fatalf("read the screenshot: %v", err)
	}
	colors := map[color.RGBA]int{}
	for y := range picture.Bounds().Dy() {
		for x := range picture.Bounds().Dx() {
			r, g, b, _ := picture.At(x, y).RGBA()
			colors[color.RGBA{uint8(r >> 8), uint8(g >> 8), uint8(b >> 8), 255}]++
		}
	}
	if len(colors) < 100 {
		t.Errorf("the screenshot has %d colours", len(colors))
	}
	for _, bridge := range []color.RGBA{{0x25, 0x63, 0xeb, 255}, {0x0b, 0x8a, 0x7d, 255}, {0xd2, 0x60, 0x0c, 255}} {
		if colors[bridge] < 500 {
			t.Errorf("%d pixels of the screenshot have the colour %v of a bridge", colors[bridge], bridge)
		}
	}
}
