package store

import (
	"errors"
	"sync"
)

// A change is what one writer does to one record: given the record, or nil, it returns what takes its place, nil to drop it, and
// whether there is anything to write.
type change func(record []byte) (after []byte, changed bool, err error)

// A group lets changes that come while the disk is busy share the next wait for it. A change that comes alone waits for nobody. The
// zero value is ready.
type group struct {
	// writing is held while somebody writes.
	writing sync.Mutex

	mu    sync.Mutex
	queue []*entry
}

// An entry is one change. Who holds group.writing sets its done and err.
type entry struct {
	key    string
	change change
	done   bool
	err    error
}

// commit returns when the change is on disk, or was refused. Write makes those that wait, and sets their errors.
func (g *group) commit(key string, change change, write func([]*entry)) error {
	e := &entry{key: key, change: change}
	g.mu.Lock()
	g.queue = append(g.queue, e)
	g.mu.Unlock()
	g.writing.Lock()
	defer g.writing.Unlock()
	if !e.done { // nobody before took it along
		write(g.take())
	}
	return e.err
}

// errBrokenOff is what a change fails with when one that it shared the way to disk with panicked.
var errBrokenOff = errors.New("writing was broken off by a panic, and nothing of it is on disk")

// take returns all that wait. Until there is an outcome each has failed: after a panic the others still ask for it.
func (g *group) take() []*entry {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := g.queue
	g.queue = nil
	for _, e := range all {
		e.done, e.err = true, errBrokenOff
	}
	return all
}
