package store

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"go.etcd.io/bbolt"
)

// Changes that come while one is being written go to disk together, and one that is refused fails alone.
func TestChangesShareATransaction(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "state.db"), nil)
	refused := errors.New("refused")
	var waiting sync.WaitGroup
	errs := make([]error, 20)
	s.group.writing.Lock() // as who is writing does
	for i := range errs {
		waiting.Go(func() {
			errs[i] = s.commit("test", fmt.Sprint(i), func(b *bbolt.Bucket) error {
				if i == 7 {
					return refused
				}
				return put(b, container(fmt.Sprint("c", i)))
			})
		})
	}
	awaitQueue(s, len(errs))
	s.group.writing.Unlock()
	waiting.Wait()
	for i, err := range errs {
		if errors.Is(err, refused) != (i == 7) || i != 7 && err != nil {
			t.Errorf("change %d: %v", i, err)
		}
	}
	if all, err := s.Containers(); len(all) != 19 || err != nil {
		t.Errorf("%d containers, %v", len(all), err)
	}
}

// Without one that is refused it is one transaction, whatever their number.
func TestOneTransaction(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "state.db"), nil)
	var waiting sync.WaitGroup
	s.group.writing.Lock()
	for i := range 20 {
		waiting.Go(func() {
			if err := s.Intend(container(fmt.Sprint("c", i))); err != nil {
				t.Error(err)
			}
		})
	}
	awaitQueue(s, 20)
	before := txID(t, s)
	s.group.writing.Unlock()
	waiting.Wait()
	if n := txID(t, s) - before; n != 1 {
		t.Errorf("%d transactions, want 1", n)
	}
}

// Whoever waits for a transaction that panics is not told that the change is made.
func TestATransactionThatPanics(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "state.db"), nil)
	var waiting sync.WaitGroup
	var panics atomic.Int32
	errs := make([]error, 5)
	s.group.writing.Lock()
	for i := range errs {
		waiting.Go(func() {
			defer func() {
				if recover() != nil { // as the agent does
					panics.Add(1)
					errs[i] = errors.New("panicked")
				}
			}()
			errs[i] = s.commit("test", fmt.Sprint(i), func(b *bbolt.Bucket) error {
				if i == 3 {
					panic("a page that is broken")
				}
				return put(b, container(fmt.Sprint("c", i)))
			})
		})
	}
	awaitQueue(s, len(errs))
	s.group.writing.Unlock()
	waiting.Wait()
	for i, err := range errs {
		if err == nil {
			t.Errorf("change %d was said to be made", i)
		}
	}
	if all, err := s.Containers(); len(all) != 0 || err != nil || panics.Load() != 1 {
		t.Errorf("%d containers, %v, %d panics", len(all), err, panics.Load())
	}
	if err := s.Intend(container("after")); err != nil {
		t.Errorf("a change after it: %v", err)
	}
}

// awaitQueue returns when so many changes wait for who is writing.
func awaitQueue(s *Store, n int) {
	for queued := 0; queued < n; {
		s.group.mu.Lock()
		queued = len(s.group.queue)
		s.group.mu.Unlock()
	}
}

// txID is the number of the last transaction that is on disk.
func txID(t *testing.T, s *Store) (id int) {
	t.Helper()
	if err := s.db.View(func(tx *bbolt.Tx) error { id = tx.ID(); return nil }); err != nil {
		t.Fatal(err)
	}
	return id
}
