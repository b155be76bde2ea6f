package docs

import (
	"encoding/json"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"

	"github.com/braid-cni/braid/lab/labtest"
	"github.com/braid-cni/braid/netattach"
)

const checkout = ".."

// The tests have a network of their own, and a /run, so that the commands find no laboratory of somebody else.
func TestMain(m *testing.M) { os.Exit(labtest.Main(m)) }

func blocks(t *testing.T) []Block {
	t.Helper()
	all, err := Blocks(os.DirFS(checkout))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Every command in the pages is typed by a test or stands in the table of those that are not; nothing in the table is
// out of date.
func TestEveryCommandHasItsPlace(t *testing.T) {
	written := map[string]bool{}
	for _, b := range blocks(t) {
		if b.Language != Commands {
			continue
		}
		for line := range strings.Lines(b.Text) {
			written[command(line)] = true
		}
		if _, err := b.Place(); err != nil {
			t.Error(err)
		}
	}
	for line := range unrun {
		if !written[line] {
			t.Errorf("no page has the command %q", line)
		}
	}
}

// Every block says what it holds, so that none escapes the tests of its language.
func TestEveryBlockHasALanguage(t *testing.T) {
	known := []string{Commands, "yaml", "json", "go", "text"}
	for _, b := range blocks(t) {
		if !slices.Contains(known, b.Language) {
			t.Errorf("%s: language %q is none of %q; %s belongs below the commands that print it", b, b.Language, known, Output)
		}
	}
}

func TestCommandsInACheckout(t *testing.T) {
	labtest.Programs(t)
	if err := unix.Mount("tmpfs", "/run", "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount("/run", unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	sudo := sudo(t)
	before := links(t)
	found := At(blocks(t), Checkout)
	if len(found) == 0 {
		t.Fatal("no command was found")
	}
	for _, b := range found {
		t.Run(b.Page+"#"+b.Heading, func(t *testing.T) {
			err := b.Run(t.Context(), func(cmd *exec.Cmd) {
				cmd.Dir = checkout
				cmd.Env = append(os.Environ(), "PATH="+sudo+":"+os.Getenv("PATH"))
			})
			if err != nil {
				t.Error(err)
			}
			if t.Failed() {
				// What the next command would find in its way.
				_ = exec.Command(filepath.Join(checkout, "bin", "braidctl"), "lab", "down").Run()
			}
			if after := links(t); after != before {
				t.Errorf("%s leaves the links of the machine changed:\n%s\nbefore:\n%s", b, after, before)
			}
		})
	}
}

// sudo is a folder with a sudo that changes nothing: the tests are root.
func sudo(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "sudo"), []byte("#!/bin/sh\nexec \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func links(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("ip", "-o", "address").Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// What is written as JSON is JSON, and what configures Braid is taken without a warning.
func TestConfigurations(t *testing.T) {
	configurations := 0
	for _, b := range blocks(t) {
		if b.Language != "json" {
			continue
		}
		var list struct {
			Name, CNIVersion string
			Plugins          []map[string]any
		}
		if err := json.Unmarshal([]byte(b.Text), &list); err != nil {
			t.Errorf("%s: %v", b, err)
		}
		for _, plugin := range list.Plugins {
			configurations++
			plugin["name"], plugin["cniVersion"] = list.Name, list.CNIVersion
			stdin, err := json.Marshal(plugin)
			if err != nil {
				t.Fatal(err)
			}
			if _, warnings, err := netattach.ParseConfig(stdin); err != nil || len(warnings) > 0 {
				t.Errorf("%s: %v, warnings %q", b, err, warnings)
			}
		}
	}
	if configurations == 0 {
		t.Error("no configuration of Braid was found")
	}
}

// Manifests with pods are brought up by the tests of the laboratory and of the cluster. Here are the others.
func TestOtherYAML(t *testing.T) {
	for _, b := range blocks(t) {
		if b.Language != "yaml" || strings.Contains(b.Text, "kind: Pod") || strings.Contains(b.Text, "kind: NetworkAttachmentDefinition") {
			continue
		}
		var content struct {
			Resources []string
			Images    []struct{ NewName, NewTag string }
		}
		if err := yaml.Unmarshal([]byte(b.Text), &content); err != nil {
			t.Errorf("%s: %v", b, err)
		}
		if len(content.Resources) != 1 || len(content.Images) != 1 {
			t.Errorf("%s: no test knows what this is", b)
			continue
		}
		built := kustomize(t, b.Text, content.Resources[0])
		if image := content.Images[0].NewName + ":" + content.Images[0].NewTag; strings.Count(built, "image: "+image+"\n") != 2 {
			t.Errorf("%s: %s is not the image of both containers:\n%s", b, image, built)
		}
	}
}

// kustomize builds a kustomization in a folder in which the checkout is where the kustomization says.
func kustomize(t *testing.T, text, resource string) string {
	t.Helper()
	dir := t.TempDir()
	root, err := filepath.Abs(checkout)
	if err != nil {
		t.Fatal(err)
	}
	name, _, _ := strings.Cut(resource, "/")
	if err := os.Symlink(root, filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		t.Fatal(err)
	}
	out, err := built.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// Links within the project lead somewhere, also those to headings.
func TestLinks(t *testing.T) {
	root := os.DirFS(checkout)
	pages, err := Pages(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		text, err := fs.ReadFile(root, page)
		if err != nil {
			t.Fatal(err)
		}
		for _, link := range regexp.MustCompile(`\]\(([^)]+)\)`).FindAllStringSubmatch(string(text), -1) {
			checkLink(t, root, page, link[1])
		}
	}
}

func checkLink(t *testing.T, root fs.FS, page, link string) {
	t.Helper()
	to, err := url.Parse(link)
	if err != nil || to.Scheme != "" {
		if err != nil {
			t.Errorf("%s: %v", page, err)
		}
		return
	}
	target := page
	if to.Path != "" {
		target = path.Join(path.Dir(page), to.Path)
	}
	if _, err := fs.Stat(root, target); err != nil {
		t.Errorf("%s: the link %s leads nowhere: %v", page, link, err)
		return
	}
	if to.Fragment == "" {
		return
	}
	text, err := fs.ReadFile(root, target)
	if err != nil || !slices.Contains(anchors(string(text)), to.Fragment) {
		t.Errorf("%s: the link %s leads to no heading of %s (%v)", page, link, target, err)
	}
}

// anchors are the fragments of a page's headings.
func anchors(text string) (all []string) {
	for _, heading := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text, -1) {
		kept := regexp.MustCompile(`[^a-z0-9 _-]`).ReplaceAllString(strings.ToLower(heading[1]), "")
		all = append(all, strings.ReplaceAll(kept, " ", "-"))
	}
	return all
}

// Lines are short enough to be read beside code. Rows of tables may be longer, and pages in design/ that programs write.
func TestLinesAreShort(t *testing.T) {
	const longest = 140
	root := os.DirFS(checkout)
	pages, err := Pages(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		if strings.HasPrefix(page, "docs/design/") {
			continue
		}
		text, err := fs.ReadFile(root, page)
		if err != nil {
			t.Fatal(err)
		}
		number := 0
		for line := range strings.Lines(string(text)) {
			number++
			if n := len([]rune(line)); n > longest+1 && !strings.HasPrefix(line, "|") {
				t.Errorf("%s:%d: %d characters, more than %d", page, number, n-1, longest)
			}
		}
	}
}
