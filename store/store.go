// Package store keeps the node's durable state in one bbolt file: for every container what was intended and what
// came of it. A write is on disk (fsync) when its method returns.
package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"
)

// Schema is the version of the records. A store of a newer schema is not opened.
const Schema = 1

const (
	metaBucket      = "meta"
	containerBucket = "containers"
	schemaKey       = "schema"

	lockWait = 5 * time.Second
)

// ErrNewer means that a newer Braid wrote the store.
var ErrNewer = errors.New("the store was written by a newer version")

// A Hook is called before and after each commit with the name of the point, such as "intend:before". The crash
// tests end the process there; it is nil otherwise.
type Hook func(point string)

// A Store is the open state file of a node. Its methods may be called from many goroutines.
type Store struct {
	db    *bbolt.DB
	hook  Hook
	group group
}

// Open opens or makes the store at path. It waits up to 5 s for another process that holds it, and fails with
// ErrNewer on a store of a newer schema.
func Open(path string, hook Hook) (*Store, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make the state folder: %w", err)
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: lockWait, FreelistType: bbolt.FreelistMapType})
	if err != nil {
		return nil, fmt.Errorf("open store %s (is another braidd running?): %w", path, err)
	}
	if err := db.Update(prepare); err != nil {
		return nil, errors.Join(fmt.Errorf("prepare store %s: %w", path, err), db.Close())
	}
	return &Store{db: db, hook: hook}, nil
}

// prepare makes the buckets of a new store and refuses a newer one.
func prepare(tx *bbolt.Tx) error {
	meta, err := tx.CreateBucketIfNotExists([]byte(metaBucket))
	if err != nil {
		return err
	}
	if err := checkSchema(meta); err != nil {
		return err
	}
	_, err = tx.CreateBucketIfNotExists([]byte(containerBucket))
	return err
}

func checkSchema(meta *bbolt.Bucket) error {
	raw := meta.Get([]byte(schemaKey))
	if raw == nil {
		value, err := json.Marshal(Schema)
		if err != nil {
			return err
		}
		return meta.Put([]byte(schemaKey), value)
	}
	var found int
	if err := json.Unmarshal(raw, &found); err != nil {
		return fmt.Errorf("read the schema version: %w", err)
	}
	if found > Schema {
		return fmt.Errorf("schema %d, this braidd knows %d: %w", found, Schema, ErrNewer)
	}
	return nil
}

// Close waits for running transactions and releases the file.
func (s *Store) Close() error { return s.db.Close() }

// Intend records a plan before anything of it is done. It replaces an earlier record of the same container.
func (s *Store) Intend(c *Container) error {
	return s.commit("intend", c.Key(), func(b *bbolt.Bucket) error { return put(b, c) })
}

// Commit records the results of a plan that was carried out.
func (s *Store) Commit(c *Container) error {
	return s.commit("commit", c.Key(), func(b *bbolt.Bucket) error { return put(b, c) })
}

// Published notes that the status of a container landed, if status is still what is stored for it.
func (s *Store) Published(key, status string) error {
	return s.commit("published", key, func(b *bbolt.Bucket) error {
		c, err := get(b, key)
		if err != nil || c == nil || c.Status != status {
			return err
		}
		c.Published = true
		return put(b, c)
	})
}

// Removing notes that the removal of a container failed and is owed.
func (s *Store) Removing(key string) error {
	return s.commit("removing", key, func(b *bbolt.Bucket) error {
		c, err := get(b, key)
		if err != nil || c == nil || c.Removing {
			return err
		}
		c.Removing = true
		return put(b, c)
	})
}

// Forget drops a container of which nothing is left. A container that is not there is no error.
func (s *Store) Forget(key string) error {
	return s.commit("forget", key, func(b *bbolt.Bucket) error { return b.Delete([]byte(key)) })
}

// commit runs one change between the two kill points of its name.
func (s *Store) commit(name, key string, change func(*bbolt.Bucket) error) error {
	s.point(name + ":before")
	if err := s.group.commit(s.db, change); err != nil {
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
	var c *Container
	err := s.db.View(func(tx *bbolt.Tx) (err error) {
		c, err = get(tx.Bucket([]byte(containerBucket)), key)
		return err
	})
	return c, err
}

// Containers returns every record, in the order of the keys. A record that cannot be read is reported in the error
// and left where it is; the others are returned with it.
func (s *Store) Containers() ([]*Container, error) {
	var all []*Container
	var broken []error
	err := s.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(containerBucket)).ForEach(func(key, raw []byte) error {
			if c, err := decode(string(key), raw); err != nil {
				broken = append(broken, err)
			} else {
				all = append(all, c)
			}
			return nil
		})
	})
	return all, errors.Join(append(broken, err)...)
}

func put(b *bbolt.Bucket, c *Container) error {
	raw, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return b.Put([]byte(c.Key()), raw)
}

func get(b *bbolt.Bucket, key string) (*Container, error) {
	raw := b.Get([]byte(key))
	if raw == nil {
		return nil, nil
	}
	return decode(key, raw)
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
