package agent

import (
	"context"
	"fmt"
	"sync"
)

// containerLocks keep the calls for one container apart: a runtime that gave up on an ADD sends its DEL while the ADD may
// still be running.
type containerLocks struct {
	mu   sync.Mutex
	held map[string]*containerLock
}

type containerLock struct {
	token chan struct{}
	users int
}

// lock waits for the container until ctx is done and returns what releases it.
func (l *containerLocks) lock(ctx context.Context, id string) (unlock func(), err error) {
	c := l.join(id)
	select {
	case c.token <- struct{}{}:
		unlock = func() { <-c.token; l.leave(id, c) }
	case <-ctx.Done():
		unlock = func() { l.leave(id, c) }
	}
	if err := ctx.Err(); err != nil { // also when the token was free: whoever called is gone
		unlock()
		return nil, fmt.Errorf("wait for another call of container %s: %w", id, err)
	}
	return unlock, nil
}

func (l *containerLocks) join(id string) *containerLock {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.held[id]
	if c == nil {
		if l.held == nil {
			l.held = map[string]*containerLock{}
		}
		c = &containerLock{token: make(chan struct{}, 1)}
		l.held[id] = c
	}
	c.users++
	return c
}

func (l *containerLocks) leave(id string, c *containerLock) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.users--; c.users == 0 {
		delete(l.held, id)
	}
}
