package store

import (
	"errors"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/braid-cni/braid/store/storetest"
)

// A write returns when it is on the disk, so where that fails every write does.
func TestWritesWaitForTheDisk(t *testing.T) {
	storetest.FailingSync(t, func(t *testing.T, cut func()) {
		path := filepath.Join(t.TempDir(), "state.db")
		s := open(t, path, nil)
		if err := s.Intend(container("c1")); err != nil {
			t.Fatal(err)
		}
		cut()
		for name, write := range map[string]func() error{
			"Intend":    func() error { return s.Intend(container("c2")) },
			"Commit":    func() error { return s.Commit(container("c1")) },
			"Published": func() error { return s.Published("c1/eth0", "") },
			"Removing":  func() error { return s.Removing("c1/eth0") },
			"Forget":    func() error { return s.Forget("c1/eth0") },
		} {
			if err := write(); !errors.Is(err, unix.EIO) {
				t.Errorf("%s on a disk that fails: %v", name, err)
			}
		}
		if all, err := s.Containers(); len(all) != 1 || err != nil || all[0].Removing {
			t.Errorf("what did not reach the disk is known: %+v, %v", all, err)
		}
		s.Close()
		if _, err := Open(path+"2", nil); !errors.Is(err, unix.EIO) {
			t.Errorf("make a store on a disk that fails: %v", err)
		}
	})
}
