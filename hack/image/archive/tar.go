package archive

import (
	"archive/tar"
	"os"
	"path"
	"strings"
)

// A writer writes tar entries without times and owners; its first error sticks until close.
type writer struct {
	tar  *tar.Writer
	dirs map[string]bool
	err  error
}

func (w *writer) file(f File) {
	name := strings.Trim(f.Path, "/")
	switch {
	case f.Dir:
		w.parents(path.Dir(name))
		w.header(&tar.Header{Name: name + "/", Typeflag: tar.TypeDir, Mode: 0o1777})
		w.dirs[name] = true
	case f.Link != "":
		w.parents(path.Dir(name))
		w.header(&tar.Header{Name: name, Typeflag: tar.TypeSymlink, Linkname: f.Link, Mode: 0o777})
	default:
		content, err := os.ReadFile(f.From)
		w.keep(err)
		w.data(name, content)
	}
}

func (w *writer) parents(dir string) {
	if w.dirs[dir] {
		return
	}
	w.parents(path.Dir(dir))
	w.header(&tar.Header{Name: dir + "/", Typeflag: tar.TypeDir, Mode: 0o755})
	w.dirs[dir] = true
}

func (w *writer) data(name string, content []byte) {
	w.parents(path.Dir(name))
	w.header(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o755, Size: int64(len(content))})
	if w.err == nil {
		_, err := w.tar.Write(content)
		w.keep(err)
	}
}

func (w *writer) header(h *tar.Header) {
	if w.err == nil {
		w.keep(w.tar.WriteHeader(h))
	}
}

func (w *writer) keep(err error) {
	if w.err == nil {
		w.err = err
	}
}

func (w *writer) close() error {
	if w.err != nil {
		return w.err
	}
	return w.tar.Close()
}
