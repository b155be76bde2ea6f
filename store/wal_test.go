package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.etcd.io/bbolt"
	"golang.org/x/sys/unix"

	"github.com/braid-cni/braid/store/storetest"
)

// contents are the files of a store, as a crash leaves them.
type contents struct{ db, log []byte }

func readFiles(t *testing.T, path string) contents {
	t.Helper()
	db, err := os.ReadFile(path)
	must(t, err)
	log, err := os.ReadFile(LogPath(path))
	must(t, err)
	return contents{db, log}
}

// reopened is what a store has after a crash that left these files, and the error with which it does not open.
func reopened(t *testing.T, c contents) (string, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "state.db")
	must(t, os.WriteFile(path, c.db, 0o600), os.WriteFile(LogPath(path), c.log, 0o600))
	s, err := Open(path, nil)
	if err != nil {
		return "", err
	}
	defer s.Close()
	return known(t, s), nil
}

// known is all that a store has: keys, with a star for those that are attached.
func known(t *testing.T, s *Store) (text string) {
	t.Helper()
	all, err := s.Containers()
	must(t, err)
	for _, c := range all {
		text += c.Key()
		if c.Attached {
			text += "*"
		}
		text += " "
	}
	return text
}

func wantReopened(t *testing.T, c contents, want string) {
	t.Helper()
	if got, err := reopened(t, c); got != want || err != nil {
		t.Errorf("after a crash: %q, %v; want %q", got, err, want)
	}
}

func attached(id string) *Container {
	c := container(id)
	c.Attached = true
	return c
}

// The process may die at any time: what was said to be written is there, however often the log was emptied meanwhile.
func TestACrashAfterAnyWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s := open(t, path, nil)
	large := container("large")
	large.Attachments[0].Config, _ = json.Marshal(strings.Repeat("x", logSize/10))
	generations := map[uint64]bool{}
	for i := range 40 {
		id := fmt.Sprintf("c%02d", i%7)
		must(t, s.Intend(container(id)))
		wantReopened(t, readFiles(t, path), known(t, s))
		must(t, s.Intend(large), s.Commit(attached(id)))
		wantReopened(t, readFiles(t, path), known(t, s))
		if i%3 == 0 {
			must(t, s.Forget(container(id).Key()))
			wantReopened(t, readFiles(t, path), known(t, s))
		}
		generations[s.state.log.generation] = true
	}
	if len(generations) < 4 {
		t.Errorf("the log was emptied %d times: too seldom to tell anything", len(generations)-1)
	}
}

// Power that fails during a write leaves any part of it. What was written before is there, and the next write takes the place.
func TestAWriteThatIsCutOff(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s := open(t, path, nil)
	must(t, s.Commit(attached("c1")))
	before, end := readFiles(t, path), s.state.log.end
	must(t, s.Commit(attached("c2")))
	after := readFiles(t, path)
	for size := end; size < s.state.log.end; size += 5 {
		for name, torn := range map[string][]byte{
			"head": slices.Concat(after.log[:size], before.log[size:]),
			"tail": slices.Concat(before.log[:size+1], after.log[size+1:]),
		} {
			got, err := reopened(t, contents{after.db, torn})
			if got != "c1/eth0* " || err != nil {
				t.Fatalf("the %s of a write, cut at byte %d: %q, %v", name, size-end, got, err)
			}
		}
	}
	torn := filepath.Join(t.TempDir(), "state.db")
	must(t, os.WriteFile(torn, after.db, 0o600), os.WriteFile(LogPath(torn), slices.Concat(after.log[:end+99], before.log[end+99:]), 0o600))
	must(t, open(t, torn, nil).Commit(attached("c3")))
	wantReopened(t, readFiles(t, torn), "c1/eth0* c3/eth0* ")
}

// A log that lost what is in its middle must not pass for a shorter one.
func TestALogThatIsDamaged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s := open(t, path, nil)
	for i := range 3 {
		must(t, s.Commit(attached(fmt.Sprint("c", i))))
	}
	whole := readFiles(t, path)
	for at := range s.state.log.end * 2 / 3 {
		damaged := bytes.Clone(whole.log)
		damaged[at] ^= 0x10
		if got, err := reopened(t, contents{whole.db, damaged}); err == nil || !strings.Contains(err.Error(), "is damaged: byte") {
			t.Fatalf("damage to byte %d: %q, %v", at, got, err)
		}
	}
	wantReopened(t, contents{whole.db, nil}, "") // as the error says
}

// A record that no log has room for goes to bbolt's file by itself.
func TestARecordLargerThanTheLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s := open(t, path, nil)
	huge := attached("huge")
	huge.Attachments[0].Config, _ = json.Marshal(strings.Repeat("x", 2*logSize))
	must(t, s.Intend(container("c1")), s.Commit(huge), s.Commit(attached("c2")))
	wantReopened(t, readFiles(t, path), "c1/eth0 c2/eth0* huge/eth0* ")
	must(t, s.Forget("huge/eth0"), s.Forget("c1/eth0"))
	wantReopened(t, readFiles(t, path), "c2/eth0* ")
}

// On a disk that fails, a log that is full stays as it is, and so does what is known.
func TestALogThatCannotBeEmptied(t *testing.T) {
	storetest.FailingSync(t, func(t *testing.T, cut func()) {
		path := filepath.Join(t.TempDir(), "state.db")
		s := open(t, path, nil)
		must(t, s.Commit(attached("c1")))
		s.state.log.end = logSize // what is behind c1 does not matter
		cut()
		for range 2 {
			if err := s.Commit(attached("c2")); !errors.Is(err, unix.EIO) {
				t.Errorf("commit: %v", err)
			}
			if got := known(t, s); got != "c1/eth0* " {
				t.Errorf("known: %q", got)
			}
		}
		if got, err := reopened(t, readFiles(t, path)); err == nil && got != "c1/eth0* " && got != "c1/eth0* c2/eth0* " {
			t.Errorf("after a crash: %q", got)
		}
	})
}

// The log of another store that was here before says nothing about this one.
func TestALogFromBefore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s := open(t, path, nil)
	must(t, s.Commit(attached("c1")), s.Close(), os.Remove(path))
	s = open(t, path, nil)
	if got := known(t, s); got != "" {
		t.Errorf("a new store has %q", got)
	}
	must(t, s.Commit(attached("c2")))
	wantReopened(t, readFiles(t, path), "c2/eth0* ")
}

// A store of before there was a log is copied, and goes on.
func TestAStoreOfSchema1(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	db, err := bbolt.Open(path, 0o600, nil)
	must(t, err)
	record, err := json.Marshal(attached("c1"))
	must(t, err, db.Update(func(tx *bbolt.Tx) error {
		meta, err := tx.CreateBucket([]byte(metaBucket))
		must(t, err)
		containers, err := tx.CreateBucket([]byte(containerBucket))
		return errors.Join(err, meta.Put([]byte(schemaKey), []byte("1")), containers.Put([]byte("c1/eth0"), record))
	}), db.Close())
	s := open(t, path, nil)
	must(t, s.Commit(attached("c2")))
	wantReopened(t, readFiles(t, path), "c1/eth0* c2/eth0* ")
	db, err = bbolt.Open(path+".schema-1", 0o600, &bbolt.Options{ReadOnly: true})
	must(t, err)
	defer db.Close()
	must(t, db.View(func(tx *bbolt.Tx) error {
		if found, err := readSchema(tx); found != 1 || err != nil || tx.Bucket([]byte(containerBucket)).Stats().KeyN != 1 {
			t.Errorf("the copy has schema %d (%v) and %d records", found, err, tx.Bucket([]byte(containerBucket)).Stats().KeyN)
		}
		return nil
	}))
}

// What nobody changed is not written.
func TestNothingToWrite(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "state.db"), nil)
	must(t, s.Commit(attached("c1")), s.Removing("c1/eth0"))
	before := s.state.log.end
	must(t, s.Removing("c1/eth0"), s.Published("c1/eth0", "another"), s.Published("gone/eth0", ""), s.Forget("gone/eth0"))
	if s.state.log.end != before {
		t.Errorf("%d bytes were written", s.state.log.end-before)
	}
}

// FuzzLog: whatever a log has in it, what is read are its frames, from the first on, and no others.
func FuzzLog(f *testing.F) {
	const generation = 7
	two := changes{"c1/eth0": []byte("{}"), "c2/eth0": nil}.encode()
	l, _, err := openLog(filepath.Join(f.TempDir(), "log"), generation)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { l.close() })
	if err := errors.Join(l.append(two), l.append(two[:3]), l.append(nil)); err != nil {
		f.Fatal(err)
	}
	whole := make([]byte, l.end+8)
	if _, err := l.file.ReadAt(whole, 0); err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[9:])
	f.Add(append([]byte{1}, whole[1:]...))
	f.Fuzz(func(t *testing.T, content []byte) {
		content = content[:min(len(content), 1<<14)]
		if _, err := l.file.WriteAt(append(content, make([]byte, 1<<14-len(content))...), 0); err != nil {
			t.Fatal(err)
		}
		l.begin(generation)
		frames, err := l.recover()
		at := 0
		for _, frame := range frames {
			if got := l.frameAt(content[at:]); !bytes.Equal(got, frame) {
				t.Fatalf("byte %d: %q, the log has %q", at, frame, got)
			}
			at += frameHead + len(frame)
			again := changes{}
			if again.decode(frame) == nil {
				twice := changes{}
				if err := twice.decode(again.encode()); err != nil || !maps.EqualFunc(again, twice, func(a, b []byte) bool { return bytes.Equal(a, b) && (a == nil) == (b == nil) }) {
					t.Errorf("%q became %q, %v", again, twice, err)
				}
			}
		}
		if err == nil && at != l.end {
			t.Errorf("frames up to byte %d, the log ends at %d", at, l.end)
		}
	})
}
