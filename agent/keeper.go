package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/braid-cni/braid/agent/hostfile"
)

const (
	// takenTimes within takenWithin is how often another CNI may rename Braid's file away before it is left alone.
	takenTimes  = 3
	takenWithin = 10 * time.Minute
)

// A place is a file of the host.
type place struct{ dir, name string }

func (p place) path() string { return path.Join(p.dir, p.name) }

// A keeper keeps one file of the host as it should be, against those who remove or change it.
type keeper struct {
	root   string
	log    *slog.Logger
	memory *memory

	at      place
	content []byte
	ours    fs.FileInfo // of the file as it was installed last
	taken   []time.Time // when it was renamed away
	rival   error       // why the file is left alone
}

// want says what the file should be from now on. A contest about another file or content is over.
func (k *keeper) want(at place, content []byte) {
	if at == k.at && string(content) == string(k.content) {
		return
	}
	k.at, k.content, k.taken, k.rival = at, content, nil, nil
}

// keep puts the file in place where it is not, and removes those that were written before in other places. It fails when it
// cannot, or when another CNI does not let it.
func (k *keeper) keep() error {
	if k.at.dir == "" {
		return nil // nothing was decided yet
	}
	var now []written
	if k.at.name != "" {
		now = []written{asWritten(k.at, k.content)}
		if err := k.memory.add(now[0]); err != nil {
			return err
		}
		if err := k.put(); err != nil {
			return err
		}
	}
	if err := k.removeOthers(); err != nil {
		return err
	}
	return k.memory.set(now)
}

// removeOthers removes what was written in other places than the file's.
func (k *keeper) removeOthers() error {
	for _, old := range k.memory.files {
		if old.place() == k.at {
			continue
		}
		if err := k.removeOurs(old); err != nil {
			return err
		}
	}
	return nil
}

func (k *keeper) put() error {
	dir, err := hostfile.Make(k.root, k.at.dir)
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := k.contest(dir); err != nil {
		return err
	}
	info, changed, err := dir.Replace(k.at.name, k.content, 0o600)
	if err != nil {
		return err
	}
	k.ours = info
	if changed {
		k.log.Info("the CNI configuration is installed", "file", k.at.path())
	}
	return nil
}

// contest counts how often the file was renamed, and fails once that was too often.
func (k *keeper) contest(dir *hostfile.Folder) error {
	if info, err := dir.Lstat(k.at.name); err == nil {
		if k.ours == nil || k.rival == nil || !os.SameFile(info, k.ours) {
			return k.rival
		}
		k.taken, k.rival = nil, nil // somebody gave it back
	}
	thief := k.renamed(dir)
	if k.rival != nil || thief == "" {
		return k.rival
	}
	now := time.Now()
	k.taken = append(k.taken, now)
	k.log.Warn("the CNI configuration was renamed away", "file", k.at.path(), "to", thief)
	if n := len(k.taken); n >= takenTimes && now.Sub(k.taken[n-takenTimes]) <= takenWithin {
		k.rival = fault{reasonContested, fmt.Errorf("%s was renamed to %s %d times, and %s: pods start without Braid; %s, then restart the agent on this node",
			k.at.path(), thief, takenTimes, successor(dir, k.at.name), remedy(thief))}
	}
	return k.rival
}

// renamed is the name that the installed file has now, empty when it has none but its own.
func (k *keeper) renamed(dir *hostfile.Folder) string {
	entries, err := fs.ReadDir(dir.FS(), ".")
	if err != nil || k.ours == nil {
		return ""
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && e.Name() != k.at.name && os.SameFile(info, k.ours) {
			return e.Name()
		}
	}
	return ""
}

// removeOurs removes a file unless somebody has changed it since.
func (k *keeper) removeOurs(file written) error {
	dir, err := hostfile.Open(k.root, file.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer dir.Close()
	content, err := dir.ReadFile(file.Name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read %s, which Braid wrote: %w", file.place().path(), err)
	}
	if asWritten(file.place(), content) != file {
		return nil
	}
	return k.removeFrom(dir, file.place())
}

// remove removes a file, whatever is in it.
func (k *keeper) remove(at place) error {
	dir, err := hostfile.Open(k.root, at.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer dir.Close()
	return k.removeFrom(dir, at)
}

func (k *keeper) removeFrom(dir *hostfile.Folder, at place) error {
	removed, err := dir.Delete(at.name)
	if removed {
		k.log.Info("the CNI configuration is removed", "file", at.path())
	}
	return err
}

// leave removes the file from where it is, and from wherever else it was written.
func (k *keeper) leave(at place) error {
	k.at = at
	if at.name != "" {
		if err := k.remove(at); err != nil {
			return err
		}
	}
	if err := k.removeOthers(); err != nil {
		return err
	}
	return k.memory.set(nil)
}

// successor says which file the runtime uses in place of the one of that name.
func successor(dir *hostfile.Folder, name string) string {
	entries, err := fs.ReadDir(dir.FS(), ".") // sorted by name, as a runtime does
	if err != nil {
		return "what is used in its place cannot be read"
	}
	for _, e := range entries {
		if e.Name() != name && slices.Contains([]string{".conf", ".conflist", ".json"}, path.Ext(e.Name())) {
			return e.Name() + " is used in its place"
		}
	}
	return "no other file is in its place"
}

// remedy tells by a file's new name how to keep somebody from giving it: who it was, nothing says.
func remedy(name string) string {
	if strings.HasSuffix(name, ".cilium_bak") {
		return "that is how Cilium names it: set cni.exclusive to false in its Helm values"
	}
	return "keep the other CNI from renaming it"
}
