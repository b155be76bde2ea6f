package kernel

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// OpenNetns opens the network namespace at path. The path is resolved inside root, the host's file system as
// the caller sees it ("/" or, in a container, where the host is mounted); no symbolic link leads out of it. The
// error wraps ErrNoNetns when the path is absent or names anything else than a network namespace: a file that
// stands where a namespace was mounted proves nothing. Needs openat2, Linux 5.6.
func OpenNetns(root, path string) (*os.File, error) {
	fd, err := openInRoot(root, path)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return nil, fmt.Errorf("open %q: %w", path, ErrNoNetns)
	}
	if err != nil {
		return nil, fmt.Errorf("open network namespace %q in %q: %w", path, root, err)
	}
	if !isNetns(fd) {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("open %q: not a namespace file: %w", path, ErrNoNetns)
	}
	return os.NewFile(uintptr(fd), path), nil
}

// openInRoot does not block on a FIFO, hence O_NONBLOCK.
func openInRoot(root, path string) (int, error) {
	dir, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	defer unix.Close(dir)
	fd, err := resolve(dir, path, unix.O_RDONLY|unix.O_NONBLOCK)
	if errors.Is(err, unix.ELOOP) || errors.Is(err, unix.EXDEV) {
		return openMagicLink(dir, path)
	}
	return fd, err
}

// openMagicLink opens /proc/<pid>/ns/net, which is no symbolic link although it looks like one, and which
// RESOLVE_IN_ROOT therefore refuses. Only its last element may be such, and only in procfs.
func openMagicLink(root int, path string) (int, error) {
	dir, err := resolve(root, filepath.Dir(path), unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return -1, err
	}
	defer unix.Close(dir)
	if !onFileSystem(dir, unix.PROC_SUPER_MAGIC) {
		return -1, unix.ELOOP
	}
	return unix.Openat(dir, filepath.Base(path), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
}

func resolve(dir int, path string, flags uint64) (int, error) {
	how := &unix.OpenHow{Flags: flags | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT}
	for {
		fd, err := unix.Openat2(dir, path, how)
		// EAGAIN reports a rename somewhere on the path during the walk (openat2(2)).
		if !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) {
			return fd, err
		}
	}
}

func isNetns(fd int) bool {
	if !onFileSystem(fd, unix.NSFS_MAGIC) {
		return false
	}
	kind, err := unix.IoctlRetInt(fd, unix.NS_GET_NSTYPE)
	return err == nil && kind == unix.CLONE_NEWNET
}

func onFileSystem(fd int, magic int64) bool {
	var st unix.Statfs_t
	return unix.Fstatfs(fd, &st) == nil && int64(st.Type) == magic
}
