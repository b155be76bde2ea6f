// Package images writes container images as docker-archive tar files, so that nodes need no registry: the file goes
// to `ctr images import`, pods use it with imagePullPolicy Never.
package images

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path"
	"runtime"
	"strings"
)

// An Image is one layer of files and what to run.
type Image struct {
	Name       string // with a registry and a tag, as pods write it: localhost/busybox:1
	Entrypoint []string
	StopSignal string // what a container is asked to end with; SIGTERM if empty
	Files      []File
}

// A File is one entry of an image. Parent folders come by themselves. Exactly one of From, Link and Dir is set.
type File struct {
	Path string // in the image, without a leading slash
	From string // the file on this machine with the content; it becomes executable
	Link string // target, for a symbolic link
	Dir  bool   // an empty folder, writable by all
}

// Write writes the image to a docker-archive at file.
func Write(file string, img Image) error {
	layer, err := writeLayer(img.Files)
	if err != nil {
		return fmt.Errorf("write image %s: %w", img.Name, err)
	}
	content, err := archive(img, layer)
	if err != nil {
		return fmt.Errorf("write image %s: %w", img.Name, err)
	}
	if err := os.WriteFile(file, content, 0o644); err != nil {
		return fmt.Errorf("write image %s: %w", img.Name, err)
	}
	return nil
}

func archive(img Image, layer []byte) ([]byte, error) {
	config, err := json.Marshal(map[string]any{
		"architecture": runtime.GOARCH,
		"os":           "linux",
		"config": map[string]any{
			"Entrypoint": img.Entrypoint, "Env": []string{"PATH=/bin"}, "StopSignal": img.StopSignal,
		},
		"rootfs":  map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + digest(layer)}},
		"history": []any{map[string]string{"created_by": "braid e2e"}},
	})
	if err != nil {
		return nil, err
	}
	configName := digest(config) + ".json"
	manifest, err := json.Marshal([]any{map[string]any{
		"Config": configName, "RepoTags": []string{img.Name}, "Layers": []string{"layer.tar"},
	}})
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	w := layerWriter{tar: tar.NewWriter(&out)}
	w.data(configName, config)
	w.data("layer.tar", layer)
	w.data("manifest.json", manifest)
	if err := w.close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func writeLayer(files []File) ([]byte, error) {
	var out bytes.Buffer
	w := layerWriter{tar: tar.NewWriter(&out), dirs: map[string]bool{".": true}}
	for _, f := range files {
		w.file(f)
	}
	if err := w.close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// A layerWriter writes tar entries; its first error sticks until close.
type layerWriter struct {
	tar  *tar.Writer
	dirs map[string]bool
	err  error
}

func (w *layerWriter) file(f File) {
	name := strings.Trim(f.Path, "/")
	w.parents(path.Dir(name))
	switch {
	case f.Dir:
		w.header(&tar.Header{Name: name + "/", Typeflag: tar.TypeDir, Mode: 0o1777})
		w.dirs[name] = true
	case f.Link != "":
		w.header(&tar.Header{Name: name, Typeflag: tar.TypeSymlink, Linkname: f.Link, Mode: 0o777})
	default:
		content, err := os.ReadFile(f.From)
		w.keep(err)
		w.data(name, content)
	}
}

func (w *layerWriter) parents(dir string) {
	if w.dirs[dir] {
		return
	}
	w.parents(path.Dir(dir))
	w.header(&tar.Header{Name: dir + "/", Typeflag: tar.TypeDir, Mode: 0o755})
	w.dirs[dir] = true
}

func (w *layerWriter) data(name string, content []byte) {
	w.header(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o755, Size: int64(len(content))})
	if w.err == nil {
		_, err := io.Copy(w.tar, bytes.NewReader(content))
		w.keep(err)
	}
}

func (w *layerWriter) header(h *tar.Header) {
	if w.err == nil {
		w.keep(w.tar.WriteHeader(h))
	}
}

func (w *layerWriter) keep(err error) {
	if w.err == nil {
		w.err = err
	}
}

func (w *layerWriter) close() error {
	w.keep(w.tar.Close())
	return w.err
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
