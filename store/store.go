// Package store keeps the node's durable state: for every container what was intended and what came of it. A write is on disk
// (fdatasync) when its method returns. It is a bbolt file with a log in front of it, whose name ends in "-wal".
package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"go.etcd.io/bbolt"
)

const (
	containerBucket = "containers"

	lockWait = 5 * time.Second
)

// A Hook is called before and after each commit with the name of the point, such as "intend:before". The crash
// tests end the process there; it is nil otherwise.
type Hook func(point string)

// A Store is the open state of a node. Its methods may be called from many goroutines.
type Store struct {
	state *state
	hook  Hook
	group group
}

// Open opens or makes the store at path. It waits up to 5 s for another process that holds it, and fails with
// ErrNewer on a store of a newer schema. Before it changes one of an older schema it copies that beside it.
func Open(path string, hook Hook) (*Store, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make the state folder: %w", err)
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: lockWait, FreelistType: bbolt.FreelistMapType})
	if err != nil {
		return nil, fmt.Errorf("open store %s (is another braidd running?): %w", path, err)
	}
	if err := migrate(db); err != nil {
		return nil, errors.Join(fmt.Errorf("prepare store %s: %w", path, err), db.Close())
	}
	state, err := loadState(db, LogPath(path))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read store %s: %w", path, err), db.Close())
	}
	return &Store{state: state, hook: hook}, nil
}

// LogPath is where the log of the store at path is: who copies the one needs the other.
func LogPath(path string) string { return path + "-wal" }

// Close waits for who is writing, and releases the files.
func (s *Store) Close() error {
	s.group.writing.Lock()
	defer s.group.writing.Unlock()
	return errors.Join(s.state.log.close(), s.state.db.Close())
}

// Intend records a plan before anything of it is done. It replaces an earlier record of the same container.
func (s *Store) Intend(c *Container) error { return s.replace("intend", c) }

// Commit records the results of a plan that was carried out.
func (s *Store) Commit(c *Container) error { return s.replace("commit", c) }

func (s *Store) replace(name string, c *Container) error {
	record, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("write the record of container %s: %w", c.Key(), err)
	}
	return s.commit(name, c.Key(), func([]byte) ([]byte, bool, error) { return record, true, nil })
}

// Published notes that the status of a container landed, if status is still what is stored for it.
func (s *Store) Published(key, status string) error {
	return s.amend("published", key, func(c *Container) bool {
		changed := c.Status == status && !c.Published
		c.Published = c.Published || changed
		return changed
	})
}

// Removing notes that the removal of a container failed and is owed.
func (s *Store) Removing(key string) error {
	return s.amend("removing", key, func(c *Container) bool {
		changed := !c.Removing
		c.Removing = true
		return changed
	})
}

// amend changes the record of a container, if there is one and do says that it changed it.
func (s *Store) amend(name, key string, do func(*Container) (changed bool)) error {
	return s.commit(name, key, func(record []byte) ([]byte, bool, error) {
		if record == nil {
			return nil, false, nil
		}
		c, err := decode(key, record)
		if err != nil || !do(c) {
			return nil, false, err
		}
		record, err = json.Marshal(c)
		return record, true, err
	})
}

// Forget drops a container of which nothing is left. A container that is not there is no error.
func (s *Store) Forget(key string) error {
	return s.commit("forget", key, func(record []byte) ([]byte, bool, error) { return nil, record != nil, nil })
}

// commit runs one change between the two kill points of its name.
func (s *Store) commit(name, key string, change change) error {
	s.point(name + ":before")
	if err := s.group.commit(key, change, s.state.write); err != nil {
		return fmt.Errorf("store (%s) container %s: %w", name, key, err)
	}
	s.point(name + ":after")
	return nil
}

func (s *Store) point(name string) {
	if s.hook != nil {
		s.hook(name)
	}
}

// Container returns the record of that key, or nil when there is none.
func (s *Store) Container(key string) (*Container, error) {
	record := s.state.record(key)
	if record == nil {
		return nil, nil
	}
	return decode(key, record)
}

// Containers returns every record, in the order of the keys. A record that cannot be read is reported in the error
// and left where it is; the others are returned with it.
func (s *Store) Containers() ([]*Container, error) {
	records := s.state.all()
	var all []*Container
	var broken []error
	for _, key := range slices.Sorted(maps.Keys(records)) {
		if c, err := decode(key, records[key]); err != nil {
			broken = append(broken, err)
		} else {
			all = append(all, c)
		}
	}
	return all, errors.Join(broken...)
}

func decode(key string, raw []byte) (*Container, error) {
	c := new(Container)
	if err := json.Unmarshal(raw, c); err != nil {
		return nil, fmt.Errorf("read the record of container %q: %w", key, err)
	}
	if c.Key() != key {
		return nil, fmt.Errorf("the record of container %q says that it is of %q", key, c.Key())
	}
	return c, nil
}
