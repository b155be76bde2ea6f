package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path"
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
	root string
	log  *slog.Logger

	at      place
	content []byte
	ours    fs.FileInfo // of the file as it was installed last
	taken   []time.Time // when it was renamed away
	rival   error       // why the file is left alone
	stale   []place     // where it was before
}

// want says what the file should be from now on. A contest about another file or content is over.
func (k *keeper) want(at place, content []byte) {
	if at == k.at && string(content) == string(k.content) {
		return
	}
	if at != k.at && k.content != nil {
		k.stale = append(k.stale, k.at)
	}
	k.at, k.content, k.taken, k.rival = at, content, nil, nil
}

// keep puts the file in place where it is not. It fails when it cannot, or when another CNI does not let it.
func (k *keeper) keep() error {
	if k.at.name != "" {
		if err := k.put(); err != nil {
			return err
		}
	}
	for _, old := range k.stale {
		if err := k.remove(old); err != nil {
			return err
		}
	}
	k.stale = nil
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
	k.log.Warn("the CNI configuration was renamed away", "file", k.at.path(), "to", thief, "by", culprit(thief))
	if n := len(k.taken); n >= takenTimes && now.Sub(k.taken[n-takenTimes]) <= takenWithin {
		k.rival = fmt.Errorf("%s was renamed to %s %d times by %s: pods start without Braid until that ends and the agent is restarted",
			k.at.path(), thief, takenTimes, culprit(thief))
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

// remove removes the file from where it was put.
func (k *keeper) remove(at place) error {
	dir, err := hostfile.Open(k.root, at.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer dir.Close()
	removed, err := dir.Delete(at.name)
	if removed {
		k.log.Info("the CNI configuration is removed", "file", at.path())
	}
	return err
}

// culprit tells by a file's new name who gave it.
func culprit(name string) string {
	if strings.HasSuffix(name, ".cilium_bak") {
		return "Cilium (set cni.exclusive to false in its Helm values)"
	}
	return "another CNI"
}
