package doctor

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// maxFile bounds what is read of one file, in bytes.
const maxFile = 1 << 20

// files reads the host's files below a root as if that were "/": absolute symbolic links, such as kubelet's to its
// certificate, lead to where they lead on the host, and none leads out. Errors wrap fs.ErrNotExist where nothing is.
type files struct{ root string }

func (f files) read(path string) ([]byte, error) {
	file, err := f.open(path, unix.O_RDONLY|unix.O_NONBLOCK)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxFile))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return data, nil
}

// list returns a folder's entries sorted by name, none when there is no such folder.
func (f files) list(path string) ([]fs.DirEntry, error) {
	dir, err := f.open(path, unix.O_RDONLY|unix.O_DIRECTORY)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	// By way of /proc, because only os.ReadDir sorts.
	entries, err := os.ReadDir(fmt.Sprintf("/proc/self/fd/%d", dir.Fd()))
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", path, err)
	}
	return entries, nil
}

func (f files) stat(path string) (fs.FileInfo, error) {
	file, err := f.open(path, unix.O_PATH)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return file.Stat()
}

func (f files) exists(path string) bool {
	_, err := f.stat(path)
	return err == nil
}

func (f files) open(path string, flags uint64) (*os.File, error) {
	top, err := unix.Open(f.root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open the host's root %s: %w", f.root, err)
	}
	defer unix.Close(top)
	how := &unix.OpenHow{Flags: flags | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT}
	for {
		fd, err := unix.Openat2(top, path, how)
		switch {
		// EAGAIN reports a rename somewhere on the path during the walk (openat2(2)).
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		case err != nil:
			return nil, &fs.PathError{Op: "open", Path: path, Err: err}
		default:
			return os.NewFile(uintptr(fd), path), nil
		}
	}
}
