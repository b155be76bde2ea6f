package lab

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/braid-cni/braid/wire"
)

// Every manifest in the user's pages makes what it says: each block is brought up by itself, as a reader would.
func TestManifestsInTheDocumentation(t *testing.T) {
	pages, err := filepath.Glob("../docs/user/*.md")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
			if strings.Contains(block[1], "kind: Pod") {
				found++
				t.Run(title(string(text), block[0]), func(t *testing.T) { bringUp(t, block[1]) })
			}
		}
	}
	if found == 0 {
		t.Error("no manifest was found")
	}
}

// title is the heading above a block.
func title(page, block string) string {
	before, _, _ := strings.Cut(page, block)
	headings := regexp.MustCompile(`(?m)^##? (.*)$`).FindAllStringSubmatch(before, -1)
	return headings[len(headings)-1][1]
}

func bringUp(t *testing.T, manifest string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "manifest.yaml")
	if err := os.WriteFile(file, []byte(manifest), 0o600); err != nil {
		t.Fatal(err)
	}
	l := up(t, Options{Nodes: 1, Manifests: []string{file}})
	for _, pod := range l.Pods {
		all := interfaces(t, l, pod.String())
		if len(all) != 2 {
			t.Errorf("%s has %d interfaces, want 2", pod, len(all))
		}
		for network, i := range all {
			if i.State != wire.StateUp {
				t.Errorf("%s: %s is %s", pod, network, i.State)
			}
		}
	}
}
