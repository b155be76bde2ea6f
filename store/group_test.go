package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
)

// Changes that come while one is being written go to disk together, and one that is refused fails alone.
func TestChangesShareAFrame(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "state.db"), nil)
	refused := errors.New("refused")
	var waiting sync.WaitGroup
	errs := make([]error, 20)
	s.group.writing.Lock() // as who is writing does
	for i := range errs {
		waiting.Go(func() {
			errs[i] = s.commit("test", fmt.Sprintf("%d/eth0", i), func([]byte) ([]byte, bool, error) {
				if i == 7 {
					return nil, false, refused
				}
				record, err := json.Marshal(container(strconv.Itoa(i)))
				return record, true, err
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

// It is one frame, whatever their number.
func TestOneFrame(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s := open(t, path, nil)
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
	before := s.state.log.end
	s.group.writing.Unlock()
	waiting.Wait()
	content, err := os.ReadFile(LogPath(path))
	if err != nil {
		t.Fatal(err)
	}
	if frame := s.state.log.frameAt(content[before:]); before+frameHead+len(frame) != s.state.log.end {
		t.Errorf("a frame of %d bytes, %d were written", frameHead+len(frame), s.state.log.end-before)
	}
}

// Whoever shares the way to disk with a change that panics is not told that the own is made.
func TestAChangeThatPanics(t *testing.T) {
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
			errs[i] = s.commit("test", fmt.Sprintf("%d/eth0", i), func([]byte) ([]byte, bool, error) {
				if i == 3 {
					panic("a mistake of Braid")
				}
				record, err := json.Marshal(container(strconv.Itoa(i)))
				return record, true, err
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
