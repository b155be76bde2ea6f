package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/braid-cni/braid/netattach"
)

// maxConfFile bounds one configuration file, in bytes.
const maxConfFile = 1 << 20

// load reads the paths that are not in disk yet, inside the host's root, and says whether there were any.
func load(root string, paths []string, disk netattach.Disk) (added bool, err error) {
	for _, p := range paths {
		if _, known := disk[p]; known {
			continue
		}
		files, err := loadPath(root, p)
		if err != nil {
			return false, err
		}
		disk[p], added = files, true
	}
	return added, nil
}

// loadPath reads a file, or the files of a folder, and the plugin files in the folders beside them (see netattach.Disk).
// What does not exist gives nothing.
func loadPath(root, p string) ([]netattach.File, error) {
	host, err := os.OpenRoot(root)
	if err != nil {
		return nil, fmt.Errorf("open the host's root: %w", err)
	}
	defer host.Close()
	info, err := host.Stat(relative(p))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for CNI configurations: %w", err)
	}
	if !info.IsDir() {
		return append([]netattach.File{read(host, p)}, beside(host, path.Dir(p))...), nil
	}
	return append(readFolder(host, p, ".conf", ".conflist", ".json"), beside(host, p)...), nil
}

// beside reads the *.conf of the folders inside dir.
func beside(host *os.Root, dir string) []netattach.File {
	entries, err := fs.ReadDir(host.FS(), relative(dir))
	if err != nil {
		return nil
	}
	var files []netattach.File
	for _, e := range entries {
		if e.IsDir() {
			files = append(files, readFolder(host, path.Join(dir, e.Name()), ".conf")...)
		}
	}
	return files
}

func readFolder(host *os.Root, dir string, extensions ...string) []netattach.File {
	entries, err := fs.ReadDir(host.FS(), relative(dir))
	if err != nil {
		return nil
	}
	var files []netattach.File
	for _, e := range entries {
		if !e.IsDir() && slices.Contains(extensions, path.Ext(e.Name())) {
			files = append(files, read(host, path.Join(dir, e.Name())))
		}
	}
	return files
}

func read(host *os.Root, p string) netattach.File {
	info, err := host.Stat(relative(p))
	if err != nil {
		return netattach.File{Path: p, Err: err}
	}
	if !info.Mode().IsRegular() || info.Size() > maxConfFile {
		return netattach.File{Path: p, Err: fmt.Errorf("not a regular file of at most %d bytes", maxConfFile)}
	}
	content, err := host.ReadFile(relative(p))
	return netattach.File{Path: p, Content: content, Err: err}
}

// relative is the path as os.Root takes it.
func relative(p string) string {
	if p = strings.TrimPrefix(path.Clean(p), "/"); p != "" {
		return p
	}
	return "."
}
