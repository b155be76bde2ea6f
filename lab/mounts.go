package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// privateMounts gives the thread a mount namespace in which folders stand in the place of others: by the path that
// they cover, the folder that does it. Mounts that the machine makes later in shared folders are seen, none of the
// namespace's own gets out.
func privateMounts(folders map[string]string) error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("make a mount namespace: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return fmt.Errorf("keep mounts inside: %w", err)
	}
	for target, folder := range folders {
		if err := cover(target, folder); err != nil {
			return fmt.Errorf("put %s in the place of %s: %w", folder, target, err)
		}
	}
	return nil
}

// cover mounts a folder over another. Where the machine has no such folder, none is made on it: its parent is covered
// by a copy that can have one.
func cover(target, folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	parent := target
	for parent != "/" && !isDir(parent) {
		parent = filepath.Dir(parent)
	}
	if parent != target {
		if err := mirror(parent); err != nil {
			return err
		}
		if err := os.MkdirAll(target, 0o755); err != nil {
			return err
		}
	}
	return unix.Mount(folder, target, "", unix.MS_BIND, "")
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// mirror covers a folder with an empty one in memory and brings everything that was in it back by bind mounts.
func mirror(dir string) error {
	old, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	file := os.NewFile(uintptr(old), dir)
	defer file.Close()
	entries, err := file.ReadDir(-1)
	if err != nil {
		return err
	}
	if err := unix.Mount("braid-lab", dir, "tmpfs", 0, "mode=0755"); err != nil {
		return err
	}
	for _, e := range entries {
		// What stood at dir is reached by its descriptor only.
		was := filepath.Join("/proc/thread-self/fd", strconv.Itoa(old), e.Name())
		if err := bringBack(e, was, filepath.Join(dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// bringBack fails with fs.ErrNotExist when the entry is gone meanwhile.
func bringBack(e fs.DirEntry, was, now string) error {
	if e.Type() == fs.ModeSymlink {
		to, err := os.Readlink(was)
		if err != nil {
			return err
		}
		return os.Symlink(to, now)
	}
	var err error
	if e.IsDir() {
		err = os.Mkdir(now, 0o755)
	} else {
		err = os.WriteFile(now, nil, 0o644)
	}
	if err != nil {
		return err
	}
	return unix.Mount(was, now, "", unix.MS_BIND|unix.MS_REC, "")
}
