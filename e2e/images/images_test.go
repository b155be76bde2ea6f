package images

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func entries(t *testing.T, archive []byte) map[string][]byte {
	t.Helper()
	found := map[string][]byte{}
	r := tar.NewReader(bytes.NewReader(archive))
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, twice := found[h.Name]; twice {
			t.Errorf("entry %s stands twice in the archive", h.Name)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		found[h.Name] = append(content, h.Linkname...)
	}
}

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	program, file := filepath.Join(dir, "program"), filepath.Join(dir, "image.tar")
	if err := os.WriteFile(program, []byte("content"), 0o755); err != nil {
		t.Fatal(err)
	}
	img := Image{Name: "localhost/x:1", Entrypoint: []string{"/bin/x"}, Files: []File{
		{Path: "bin/x", From: program}, {Path: "bin/y", Link: "x"}, {Path: "tmp", Dir: true}, {Path: "tmp/x", From: program},
	}}
	if err := Write(file, img); err != nil {
		t.Fatal(err)
	}
	archive, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	outer := entries(t, archive)
	inner := entries(t, outer["layer.tar"])
	checkLayer(t, inner)
	checkManifest(t, outer)
}

func checkLayer(t *testing.T, layer map[string][]byte) {
	t.Helper()
	want := map[string]string{"bin/": "", "bin/x": "content", "bin/y": "x", "tmp/": "", "tmp/x": "content"}
	if len(layer) != len(want) {
		t.Errorf("layer has %d entries, want %d: %v", len(layer), len(want), layer)
	}
	for name, content := range want {
		if got, ok := layer[name]; !ok || string(got) != content {
			t.Errorf("layer entry %s: got %q (there: %v), want %q", name, got, ok, content)
		}
	}
}

func checkManifest(t *testing.T, outer map[string][]byte) {
	t.Helper()
	var manifest []struct {
		Config   string
		RepoTags []string
	}
	if err := json.Unmarshal(outer["manifest.json"], &manifest); err != nil {
		t.Fatal(err)
	}
	if len(manifest) != 1 || !slices.Equal(manifest[0].RepoTags, []string{"localhost/x:1"}) {
		t.Fatalf("manifest: %+v", manifest)
	}
	var config struct {
		Rootfs struct {
			DiffIDs []string `json:"diff_ids"`
		}
	}
	if err := json.Unmarshal(outer[manifest[0].Config], &config); err != nil {
		t.Fatal(err)
	}
	if want := "sha256:" + digest(outer["layer.tar"]); !slices.Equal(config.Rootfs.DiffIDs, []string{want}) {
		t.Errorf("diff_ids %v, want %s", config.Rootfs.DiffIDs, want)
	}
}

func TestWriteMissingProgram(t *testing.T) {
	img := Image{Name: "localhost/x:1", Files: []File{{Path: "x", From: "/nonexistent/program"}}}
	if err := Write(filepath.Join(t.TempDir(), "image.tar"), img); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want a missing file", err)
	}
}
