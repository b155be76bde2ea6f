package store

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"go.etcd.io/bbolt"
)

// A state is all records, in memory, and the two files that they are in: bbolt's has those of when the log was last emptied, the log
// what has changed since.
type state struct {
	db  *bbolt.DB
	log *log

	mu      sync.RWMutex
	records map[string][]byte
	// logged are the keys whose records are not in bbolt's file as they are here. Who writes has it to himself.
	logged map[string]bool
}

// loadState reads both files.
func loadState(db *bbolt.DB, logPath string) (*state, error) {
	s := &state{db: db, records: make(map[string][]byte), logged: make(map[string]bool)}
	var generation uint64
	err := db.View(func(tx *bbolt.Tx) (err error) {
		if generation, err = readGeneration(tx); err != nil {
			return err
		}
		return tx.Bucket([]byte(containerBucket)).ForEach(func(key, record []byte) error {
			s.records[string(key)] = slices.Clone(record)
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	log, frames, err := openLog(logPath, generation)
	if err != nil {
		return nil, err
	}
	s.log = log
	for _, frame := range frames {
		made := changes{}
		if err := made.decode(frame); err != nil {
			return nil, errors.Join(fmt.Errorf("read %s: %w", logPath, err), log.close())
		}
		s.apply(made)
	}
	return s, nil
}

// apply makes changes in memory.
func (s *state) apply(made changes) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, record := range made {
		s.logged[key] = true
		if record == nil {
			delete(s.records, key)
		} else {
			s.records[key] = record
		}
	}
}

// record returns the record of a key, nil for none. It is not to be changed.
func (s *state) record(key string) []byte {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.records[key]
}

// all returns every record by key.
func (s *state) all() map[string][]byte {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return maps.Clone(s.records)
}

// write makes the changes of entries durable and then known, all that are not refused in one go. One writes at a time.
func (s *state) write(entries []*entry) {
	made, refused := changes{}, make([]error, len(entries))
	for i, e := range entries {
		refused[i] = s.stage(made, e)
	}
	var failed error
	if len(made) > 0 {
		failed = s.save(made)
	}
	for i, e := range entries {
		if e.err = refused[i]; e.err == nil {
			e.err = failed
		}
	}
}

// stage adds the change of one entry to those that are made with it.
func (s *state) stage(made changes, e *entry) error {
	before, staged := made[e.key]
	if !staged {
		before = s.record(e.key)
	}
	after, changed, err := e.change(before)
	if err != nil || !changed {
		return err
	}
	if len(e.key) > bbolt.MaxKeySize {
		return fmt.Errorf("a key of %d bytes is longer than %d", len(e.key), bbolt.MaxKeySize)
	}
	made[e.key] = after
	return nil
}

// save makes changes durable in the log, or in bbolt's file with all that is in a log that has no room for them.
func (s *state) save(made changes) error {
	err := s.log.append(made.encode())
	if errors.Is(err, errLogFull) {
		err = s.empty(made)
	} else if err == nil {
		s.apply(made)
	}
	return err
}

// empty writes what is in the log, and further changes, to bbolt's file, and begins the log anew.
func (s *state) empty(made changes) error {
	next := s.log.generation + 1
	err := s.db.Update(func(tx *bbolt.Tx) error {
		bucket := tx.Bucket([]byte(containerBucket))
		for key := range s.logged {
			if err := put(bucket, key, s.record(key)); err != nil {
				return err
			}
		}
		for key, record := range made {
			if err := put(bucket, key, record); err != nil {
				return err
			}
		}
		return writeGeneration(tx, next)
	})
	if err != nil {
		return err
	}
	s.apply(made)
	clear(s.logged)
	s.log.begin(next)
	return nil
}

func put(bucket *bbolt.Bucket, key string, record []byte) error {
	if record == nil {
		return bucket.Delete([]byte(key))
	}
	return bucket.Put([]byte(key), record)
}
