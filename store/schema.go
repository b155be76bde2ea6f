package store

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"
)

// Schema is the version of the files. A store of a newer schema is not opened. Schema 1 had no log.
const Schema = 2

const (
	metaBucket    = "meta"
	schemaKey     = "schema"
	generationKey = "generation"
)

// ErrNewer means that a newer Braid wrote the store.
var ErrNewer = errors.New("the store was written by a newer version")

// migrate makes a new store, or makes one of an older schema this one's, with a copy of the file as it was.
func migrate(db *bbolt.DB) error {
	var found int
	err := db.View(func(tx *bbolt.Tx) (err error) { found, err = readSchema(tx); return err })
	if err != nil || found == Schema {
		return err
	}
	if found > Schema {
		return fmt.Errorf("schema %d, this braidd knows %d: %w", found, Schema, ErrNewer)
	}
	if found > 0 {
		if err := backUp(db, found); err != nil {
			return err
		}
	}
	return db.Update(prepare)
}

// readSchema is 0 for a file that is new.
func readSchema(tx *bbolt.Tx) (found int, err error) {
	meta := tx.Bucket([]byte(metaBucket))
	if meta == nil || meta.Get([]byte(schemaKey)) == nil {
		return 0, nil
	}
	if err := json.Unmarshal(meta.Get([]byte(schemaKey)), &found); err != nil || found < 1 {
		return 0, fmt.Errorf("read the schema version: %q is none", meta.Get([]byte(schemaKey)))
	}
	return found, nil
}

func backUp(db *bbolt.DB, schema int) error {
	copied := fmt.Sprintf("%s.schema-%d", db.Path(), schema)
	if err := db.View(func(tx *bbolt.Tx) error { return tx.CopyFile(copied, 0o600) }); err != nil {
		return fmt.Errorf("copy the store of schema %d to %s: %w", schema, copied, err)
	}
	return nil
}

// prepare makes the buckets. The first generation is one that the log of another store, left beside this one, is not of.
func prepare(tx *bbolt.Tx) error {
	meta, err := tx.CreateBucketIfNotExists([]byte(metaBucket))
	if err != nil {
		return err
	}
	if _, err := tx.CreateBucketIfNotExists([]byte(containerBucket)); err != nil {
		return err
	}
	schema, err := json.Marshal(Schema)
	if err != nil {
		return err
	}
	if err := meta.Put([]byte(schemaKey), schema); err != nil {
		return err
	}
	first := make([]byte, 8)
	_, _ = rand.Read(first) // documented to fill it always
	return writeGeneration(tx, binary.BigEndian.Uint64(first))
}

func readGeneration(tx *bbolt.Tx) (uint64, error) {
	raw := tx.Bucket([]byte(metaBucket)).Get([]byte(generationKey))
	if len(raw) != 8 {
		return 0, fmt.Errorf("read the generation of the log: %q is none", raw)
	}
	return binary.BigEndian.Uint64(raw), nil
}

func writeGeneration(tx *bbolt.Tx, generation uint64) error {
	return tx.Bucket([]byte(metaBucket)).Put([]byte(generationKey), binary.BigEndian.AppendUint64(nil, generation))
}
