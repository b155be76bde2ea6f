package agent

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"

	"github.com/braid-cni/braid/agent/hostfile"
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
	file, err := hostfile.OpenFile(root, p)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for CNI configurations: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("look for CNI configurations: %w", err)
	}
	if !info.IsDir() {
		return append([]netattach.File{read(root, p)}, beside(root, path.Dir(p))...), nil
	}
	return append(readFolder(root, p, ".conf", ".conflist", ".json"), beside(root, p)...), nil
}

// beside reads the *.conf of the folders inside dir.
func beside(root, dir string) []netattach.File {
	var files []netattach.File
	for _, e := range entries(root, dir) {
		if e.IsDir() {
			files = append(files, readFolder(root, path.Join(dir, e.Name()), ".conf")...)
		}
	}
	return files
}

func readFolder(root, dir string, extensions ...string) []netattach.File {
	var files []netattach.File
	for _, e := range entries(root, dir) {
		if !e.IsDir() && slices.Contains(extensions, path.Ext(e.Name())) {
			files = append(files, read(root, path.Join(dir, e.Name())))
		}
	}
	return files
}

// entries lists a folder; one that cannot be read is as empty.
func entries(root, dir string) []fs.DirEntry {
	folder, err := hostfile.OpenFile(root, dir)
	if err != nil {
		return nil
	}
	defer folder.Close()
	list, _ := folder.ReadDir(-1)
	return list
}

func read(root, p string) netattach.File {
	content, err := readWhole(root, p)
	return netattach.File{Path: p, Content: content, Err: err}
}

func readWhole(root, p string) ([]byte, error) {
	file, err := hostfile.OpenFile(root, p)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxConfFile {
		return nil, fmt.Errorf("not a regular file of at most %d bytes", maxConfFile)
	}
	return io.ReadAll(io.LimitReader(file, maxConfFile))
}
