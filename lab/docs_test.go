package lab

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/braid-cni/braid/cluster/files"
	"github.com/braid-cni/braid/docs"
	"github.com/braid-cni/braid/netattach"
	"github.com/braid-cni/braid/wire"
)

// Every manifest in the pages makes what it says: each block is brought up by itself, as a reader would. Those that need a
// plugin of others run on the cluster, in e2e/docs, as all of them do.
func TestManifestsInTheDocumentation(t *testing.T) {
	blocks, err := docs.Blocks(os.DirFS(".."))
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, b := range blocks {
		if b.Language == "yaml" && strings.Contains(b.Text, "kind: Pod") && ownPlugins(b.Text) {
			found++
			t.Run(b.Page+"#"+b.Heading, func(t *testing.T) { bringUp(t, b.Text) })
		}
	}
	if found == 0 {
		t.Error("no manifest was found")
	}
}

// ownPlugins says whether Braid has every plugin that a manifest names.
func ownPlugins(manifest string) bool {
	for _, named := range regexp.MustCompile(`"type": "([^"]*)"`).FindAllStringSubmatch(manifest, -1) {
		if !slices.Contains([]string{"bridge", "host-local", "static"}, named[1]) {
			return false
		}
	}
	return true
}

func bringUp(t *testing.T, manifest string) {
	t.Helper()
	objects, err := files.Parse(strings.NewReader(manifest))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "manifest.yaml")
	if err := os.WriteFile(file, []byte(manifest), 0o600); err != nil {
		t.Fatal(err)
	}
	l := up(t, Options{Nodes: 1, Manifests: []string{file}})
	for _, pod := range objects.Pods {
		picks, err := netattach.ParseNetworks(pod.Annotations[netattach.NetworksAnnotation], pod.Namespace)
		if err != nil || len(picks) == 0 {
			t.Errorf("pod %s selects %d networks, %v", pod.Name, len(picks), err)
		}
		all := interfaces(t, l, pod.Namespace+"/"+pod.Name)
		if len(all) != 1+len(picks) {
			t.Errorf("pod %s has %d interfaces, want %d", pod.Name, len(all), 1+len(picks))
		}
		for network, i := range all {
			if i.State != wire.StateUp {
				t.Errorf("pod %s: %s is %s", pod.Name, network, i.State)
			}
		}
	}
}
