package archive

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
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

func example(t *testing.T) Image {
	t.Helper()
	program := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(program, []byte("content"), 0o700); err != nil {
		t.Fatal(err)
	}
	return Image{Name: "localhost/x:1", Architecture: "arm64", Entrypoint: []string{"/bin/x"}, Files: []File{
		{Path: "bin/x", From: program}, {Path: "bin/y", Link: "x"}, {Path: "tmp", Dir: true}, {Path: "tmp/x", From: program},
	}}
}

func write(t *testing.T, img Image) (archive []byte, digest string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "image.tar")
	digest, err := Write(file, img)
	if err != nil {
		t.Fatal(err)
	}
	archive, err = os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return archive, digest
}

// The OCI layout: each blob is what its descriptor says, down to the files.
func TestLayout(t *testing.T) {
	archive, digest := write(t, example(t))
	outer := entries(t, archive)
	var index struct{ Manifests []descriptor }
	decode(t, outer["index.json"], &index)
	if len(index.Manifests) != 1 || index.Manifests[0].Digest != digest || index.Manifests[0].Platform["architecture"] != "arm64" {
		t.Fatalf("index %+v, digest %s", index, digest)
	}
	if name := index.Manifests[0].Annotations["io.containerd.image.name"]; name != "localhost/x:1" {
		t.Errorf("name %q", name)
	}
	var manifest struct {
		Config descriptor
		Layers []descriptor
	}
	decode(t, blob(t, outer, index.Manifests[0]), &manifest)
	var config struct {
		Architecture string
		Rootfs       struct {
			DiffIDs []string `json:"diff_ids"`
		}
	}
	decode(t, blob(t, outer, manifest.Config), &config)
	if config.Architecture != "arm64" || !slices.Equal(config.Rootfs.DiffIDs, []string{manifest.Layers[0].Digest}) {
		t.Errorf("config %+v", config)
	}
	want := map[string]string{"bin/": "", "bin/x": "content", "bin/y": "x", "tmp/": "", "tmp/x": "content"}
	got := map[string]string{}
	for name, content := range entries(t, blob(t, outer, manifest.Layers[0])) {
		got[name] = string(content)
	}
	if !maps.Equal(got, want) {
		t.Errorf("layer %q, want %q", got, want)
	}
}

func TestDockerManifest(t *testing.T) {
	archive, _ := write(t, example(t))
	outer := entries(t, archive)
	var manifest []struct {
		Config           string
		RepoTags, Layers []string
	}
	decode(t, outer["manifest.json"], &manifest)
	if len(manifest) != 1 || !slices.Equal(manifest[0].RepoTags, []string{"localhost/x:1"}) || len(manifest[0].Layers) != 1 {
		t.Fatalf("manifest: %+v", manifest)
	}
	for _, name := range append(manifest[0].Layers, manifest[0].Config) {
		if len(outer[name]) == 0 {
			t.Errorf("no entry %s", name)
		}
	}
}

func decode(t *testing.T, text []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
}

func blob(t *testing.T, outer map[string][]byte, d descriptor) []byte {
	t.Helper()
	content := outer["blobs/"+strings.Replace(d.Digest, ":", "/", 1)]
	sum := sha256.Sum256(content)
	if d.Digest != "sha256:"+hex.EncodeToString(sum[:]) || d.Size != len(content) {
		t.Fatalf("blob %+v: %d bytes with digest %x", d, len(content), sum)
	}
	return content
}

// Neither the time nor the modes of the files count.
func TestSameInputSameBytes(t *testing.T) {
	img := example(t)
	first, _ := write(t, img)
	then := time.Now().Add(-time.Hour)
	if err := errors.Join(os.Chtimes(img.Files[0].From, then, then), os.Chmod(img.Files[0].From, 0o755)); err != nil {
		t.Fatal(err)
	}
	if second, _ := write(t, img); !bytes.Equal(first, second) {
		t.Error("the archives differ")
	}
}

func TestMissingProgram(t *testing.T) {
	img := Image{Name: "localhost/x:1", Files: []File{{Path: "x", From: "/nonexistent/program"}}}
	if _, err := Write(filepath.Join(t.TempDir(), "image.tar"), img); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want a missing file", err)
	}
}
