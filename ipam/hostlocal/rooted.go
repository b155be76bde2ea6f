package hostlocal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// openRetries bounds how often a lookup is repeated that a concurrent rename disturbed.
const openRetries = 16

// openIn opens a path as if root were "/": absolute symbolic links and ".." stay inside. The path is absolute.
// The caller closes the file.
func openIn(root, name string, flags uint64) (*os.File, error) {
	top, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		// Not %w: a root that is missing must not read as a folder that is missing, which DEL takes for success.
		return nil, fmt.Errorf("open the host's root %s: %v: mount it there or mend the root option", root, err)
	}
	defer unix.Close(top)
	how := unix.OpenHow{Flags: flags | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS}
	for range openRetries {
		fd, err := unix.Openat2(top, "."+name, &how)
		if err == nil {
			return os.NewFile(uintptr(fd), path.Join(root, name)), nil
		}
		if !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) {
			return nil, &fs.PathError{Op: "open", Path: path.Join(root, name), Err: err}
		}
	}
	return nil, &fs.PathError{Op: "open", Path: path.Join(root, name), Err: unix.EAGAIN}
}

// openFolder opens a folder inside root, and makes it and its parents first when create is set.
func openFolder(root, name string, create bool) (*os.Root, error) {
	f, err := openIn(root, name, unix.O_PATH|unix.O_DIRECTORY)
	if create && errors.Is(err, fs.ErrNotExist) {
		f, err = makeFolder(root, name)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	// The descriptor's name in /proc leads to the folder that was resolved inside root, whatever its path now is.
	return os.OpenRoot(fmt.Sprintf("/proc/self/fd/%d", f.Fd()))
}

// makeFolder makes a folder and its parents inside root, one after another, each looked up from root again so that
// a symbolic link in between cannot lead out.
func makeFolder(root, name string) (*os.File, error) {
	parent, err := openIn(root, "/", unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	at := "/"
	for part := range strings.SplitSeq(strings.Trim(name, "/"), "/") {
		at = path.Join(at, part)
		err := unix.Mkdirat(int(parent.Fd()), part, 0o755)
		parent.Close()
		if err != nil && !errors.Is(err, unix.EEXIST) {
			return nil, &fs.PathError{Op: "mkdir", Path: path.Join(root, at), Err: err}
		}
		if parent, err = openIn(root, at, unix.O_PATH|unix.O_DIRECTORY); err != nil {
			return nil, err
		}
	}
	return parent, nil
}
