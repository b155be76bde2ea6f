// Package hostfile reads files of the host, and replaces them whole or not at all, where its root file system is mounted in
// a container.
package hostfile

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strconv"

	"golang.org/x/sys/unix"
)

// A Folder is an open folder of the host. Close it after use.
type Folder struct {
	*os.Root
	// Path is where this process finds the folder, symbolic links resolved.
	Path string
}

// Open opens an existing folder as if root were "/": symbolic links lead nowhere outside. The error is fs.ErrNotExist
// where there is none.
func Open(root, dir string) (*Folder, error) {
	top, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open the host's root %s: %w", root, err)
	}
	defer unix.Close(top)
	fd, err := resolve(top, dir, unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return nil, &fs.PathError{Op: "open the host's folder", Path: dir, Err: err}
	}
	defer unix.Close(fd)
	name := "/proc/self/fd/" + strconv.Itoa(fd)
	real, err := os.Readlink(name)
	if err != nil {
		return nil, fmt.Errorf("resolve the host's folder %s: %w", dir, err)
	}
	opened, err := os.OpenRoot(name)
	if err != nil {
		return nil, fmt.Errorf("open the host's folder %s: %w", dir, err)
	}
	return &Folder{Root: opened, Path: real}, nil
}

// Make opens a folder like Open, and makes it with its parents where they are missing.
func Make(root, dir string) (*Folder, error) {
	f, err := Open(root, dir)
	if !errors.Is(err, fs.ErrNotExist) || dir == "/" {
		return f, err
	}
	parent, err := Make(root, path.Dir(path.Clean(dir)))
	if err != nil {
		return nil, err
	}
	defer parent.Close()
	if err := parent.Mkdir(path.Base(dir), 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("make the host's folder %s: %w", dir, err)
	}
	return Open(root, dir)
}

// OpenFile opens a file or folder for reading, with the same care for symbolic links as Open. It does not wait for the
// other end of a pipe. The error is fs.ErrNotExist where there is none.
func OpenFile(root, name string) (*os.File, error) {
	top, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open the host's root %s: %w", root, err)
	}
	defer unix.Close(top)
	fd, err := resolve(top, name, unix.O_RDONLY|unix.O_NONBLOCK)
	if err != nil {
		return nil, &fs.PathError{Op: "open the host's file", Path: name, Err: err}
	}
	return os.NewFile(uintptr(fd), name), nil
}

func resolve(top int, name string, flags uint64) (int, error) {
	how := &unix.OpenHow{Flags: flags | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT}
	for {
		fd, err := unix.Openat2(top, name, how)
		// EAGAIN reports a rename somewhere on the path during the walk (openat2(2)).
		if !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) {
			return fd, err
		}
	}
}

// Replace gives a file this content and mode, and says whether it had another. Readers see the old file or the new one,
// whatever happens meanwhile; programs that run go on with the old one. The FileInfo is that of the file, wherever somebody
// may have moved it since.
func (f *Folder) Replace(name string, content []byte, mode fs.FileMode) (info fs.FileInfo, changed bool, err error) {
	if info := f.has(name, content, mode); info != nil {
		return info, false, nil
	}
	// A name that ends like no CNI configuration, and is the same the next time should this process die.
	aside := "." + name + ".new"
	info, err = f.write(aside, content, mode)
	if err != nil {
		return nil, false, errors.Join(fmt.Errorf("write %s: %w", path.Join(f.Path, name), err), ignoreMissing(f.Remove(aside)))
	}
	if err := f.Rename(aside, name); err != nil {
		return nil, false, fmt.Errorf("replace %s: %w", path.Join(f.Path, name), err)
	}
	return info, true, f.sync()
}

// Delete removes a file and says whether it was there.
func (f *Folder) Delete(name string) (removed bool, err error) {
	err = f.Remove(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("remove %s: %w", path.Join(f.Path, name), err)
	}
	return true, f.sync()
}

// has returns nil when the file is another.
func (f *Folder) has(name string, content []byte, mode fs.FileMode) fs.FileInfo {
	info, err := f.Lstat(name)
	if err != nil || info.Mode() != mode || info.Size() != int64(len(content)) {
		return nil
	}
	if had, err := f.ReadFile(name); err != nil || !bytes.Equal(had, content) {
		return nil
	}
	return info
}

func (f *Folder) write(name string, content []byte, mode fs.FileMode) (fs.FileInfo, error) {
	if err := ignoreMissing(f.Remove(name)); err != nil {
		return nil, err
	}
	file, err := f.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return nil, err
	}
	_, err = file.Write(content)
	info, statErr := file.Stat()
	// The mode anew: the process's umask has taken away from it.
	return info, errors.Join(err, statErr, file.Chmod(mode), file.Sync(), file.Close())
}

func (f *Folder) sync() error {
	dir, err := f.Root.Open(".")
	if err != nil {
		return fmt.Errorf("sync %s: %w", f.Path, err)
	}
	if err := errors.Join(dir.Sync(), dir.Close()); err != nil {
		return fmt.Errorf("sync %s: %w", f.Path, err)
	}
	return nil
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
