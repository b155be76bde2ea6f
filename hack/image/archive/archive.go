// Package archive writes container images without a container engine: one tar file that is an OCI image layout and a Docker
// archive in one, as containerd, CRI-O, Docker and podman import it. The same image gives the same bytes.
package archive

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strings"
)

// An Image is one layer of files and what to run.
type Image struct {
	Name         string // with a registry and a tag, as pods write it: localhost/busybox:1
	Architecture string // as Go names it; this machine's if empty
	Entrypoint   []string
	StopSignal   string // what a container is asked to end with; SIGTERM if empty
	Files        []File
}

// A File is one entry of an image. Parent folders come by themselves. Exactly one of From, Link and Dir is set.
type File struct {
	Path string // in the image, without a leading slash
	From string // the file on this machine with the content; it becomes executable
	Link string // target, for a symbolic link
	Dir  bool   // an empty folder, writable by all
}

// Write writes the image's archive to a file and returns the digest of the image's manifest.
func Write(file string, img Image) (digest string, err error) {
	content, digest, err := build(img)
	if err == nil {
		err = os.WriteFile(file, content, 0o644)
	}
	if err != nil {
		return "", fmt.Errorf("write image %s: %w", img.Name, err)
	}
	return digest, nil
}

// A descriptor says where a blob is (OCI image specification, descriptor.md).
type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int               `json:"size"`
	Platform    map[string]string `json:"platform,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

const (
	configType   = "application/vnd.oci.image.config.v1+json"
	layerType    = "application/vnd.oci.image.layer.v1.tar"
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	indexType    = "application/vnd.oci.image.index.v1+json"
)

func build(img Image) (archive []byte, digest string, err error) {
	if img.Architecture == "" {
		img.Architecture = runtime.GOARCH
	}
	layer, err := writeLayer(img.Files)
	if err != nil {
		return nil, "", err
	}
	var out bytes.Buffer
	w := &writer{tar: tar.NewWriter(&out), dirs: map[string]bool{".": true}}
	layers := []descriptor{w.blob(layerType, layer)}
	config := w.jsonBlob(configType, img.config(layers[0].Digest))
	manifest := w.jsonBlob(manifestType, map[string]any{"schemaVersion": 2, "mediaType": manifestType, "config": config, "layers": layers})
	manifest.Platform = map[string]string{"os": "linux", "architecture": img.Architecture}
	_, tag, _ := strings.Cut(img.Name, ":")
	manifest.Annotations = map[string]string{"io.containerd.image.name": img.Name, "org.opencontainers.image.ref.name": tag}
	w.json("oci-layout", map[string]string{"imageLayoutVersion": "1.0.0"})
	w.json("index.json", map[string]any{"schemaVersion": 2, "mediaType": indexType, "manifests": []descriptor{manifest}})
	// Docker's, for programs that read no OCI layout.
	w.json("manifest.json", []any{map[string]any{
		"Config": blobPath(config.Digest), "RepoTags": []string{img.Name}, "Layers": []string{blobPath(layers[0].Digest)},
	}})
	return out.Bytes(), manifest.Digest, w.close()
}

func (img Image) config(layer string) map[string]any {
	return map[string]any{
		"architecture": img.Architecture,
		"os":           "linux",
		"config": map[string]any{
			"Entrypoint": img.Entrypoint, "Env": []string{"PATH=/bin"}, "StopSignal": img.StopSignal,
		},
		"rootfs":  map[string]any{"type": "layers", "diff_ids": []string{layer}},
		"history": []any{map[string]string{"created_by": "braid"}},
	}
}

func writeLayer(files []File) ([]byte, error) {
	var out bytes.Buffer
	w := &writer{tar: tar.NewWriter(&out), dirs: map[string]bool{".": true}}
	for _, f := range files {
		w.file(f)
	}
	return out.Bytes(), w.close()
}

// blob adds content under its digest.
func (w *writer) blob(mediaType string, content []byte) descriptor {
	sum := sha256.Sum256(content)
	d := descriptor{MediaType: mediaType, Digest: "sha256:" + hex.EncodeToString(sum[:]), Size: len(content)}
	w.data(blobPath(d.Digest), content)
	return d
}

func (w *writer) jsonBlob(mediaType string, v any) descriptor {
	content, err := json.Marshal(v)
	w.keep(err)
	return w.blob(mediaType, content)
}

func (w *writer) json(name string, v any) {
	content, err := json.Marshal(v)
	w.keep(err)
	w.data(name, content)
}

func blobPath(digest string) string {
	return "blobs/" + strings.Replace(digest, ":", "/", 1)
}
