package store

import (
	"errors"
	"sync"

	"go.etcd.io/bbolt"
)

// A group lets changes that come while the disk is busy share the next transaction: it costs the same two writes to disk however
// many there are. A change that comes alone waits for nobody. The zero value is ready.
type group struct {
	// writing is held during a transaction.
	writing sync.Mutex

	mu    sync.Mutex
	queue []*entry
}

// An entry is one change. Who holds group.writing sets its done and err.
type entry struct {
	change func(*bbolt.Bucket) error
	done   bool
	err    error
}

// commit returns when the change is on disk, or was refused.
func (g *group) commit(db *bbolt.DB, change func(*bbolt.Bucket) error) error {
	e := &entry{change: change}
	g.mu.Lock()
	g.queue = append(g.queue, e)
	g.mu.Unlock()
	g.writing.Lock()
	defer g.writing.Unlock()
	if !e.done { // nobody before took it along
		g.write(db)
	}
	return e.err
}

// errBrokenOff is what a change fails with when the transaction that it shared panicked, as bbolt does on a page that is broken.
var errBrokenOff = errors.New("the transaction was broken off by a panic, and nothing of it is on disk")

// write makes one transaction of all that wait. When it fails, each gets one of its own, so that nobody fails for another. Until
// there is an outcome each has failed: after a panic the others still ask for it.
func (g *group) write(db *bbolt.DB) {
	g.mu.Lock()
	all := g.queue
	g.queue = nil
	g.mu.Unlock()
	for _, e := range all {
		e.done, e.err = true, errBrokenOff
	}
	err := update(db, all...)
	for _, e := range all {
		e.err = err
		if err != nil && len(all) > 1 {
			e.err = update(db, e)
		}
	}
}

func update(db *bbolt.DB, entries ...*entry) error {
	return db.Update(func(tx *bbolt.Tx) error {
		for _, e := range entries {
			if err := e.change(tx.Bucket([]byte(containerBucket))); err != nil {
				return err
			}
		}
		return nil
	})
}
