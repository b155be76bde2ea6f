// Package memo remembers what was made of configurations.
package memo

import "sync"

// size bounds what a Memo remembers.
const size = 256

// A Memo remembers what was made of a configuration: the same one comes with every pod of a network. It may be used by many
// goroutines. The zero value remembers nothing yet.
type Memo[T any] struct {
	mu   sync.Mutex
	made map[string]T
}

// Of returns what make returns, or returned for the same bytes before. It is shared, and so not to be changed. What make fails
// with is not remembered.
func (m *Memo[T]) Of(config []byte, make func() (T, error)) (T, error) {
	m.mu.Lock()
	known, ok := m.made[string(config)]
	m.mu.Unlock()
	if ok {
		return known, nil
	}
	fresh, err := make()
	if err == nil {
		m.remember(config, fresh)
	}
	return fresh, err
}

// remember starts anew when there are too many: those that still come are soon known again.
func (m *Memo[T]) remember(config []byte, fresh T) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.made == nil || len(m.made) == size {
		m.made = make(map[string]T)
	}
	m.made[string(config)] = fresh
}
