package kernel

import "sync"

// sharedNetns lets those who open a path while somebody else has it open share one view: the attachments of a pod are
// made one after another, and each would open files and sockets anew. The zero value has none.
type sharedNetns struct {
	mu    sync.Mutex
	views map[string]*sharedView
}

// A sharedView is open for as long as it has users.
type sharedView struct {
	*linuxNetns
	users int
}

// A sharingNetns is what one user has of a view.
type sharingNetns struct {
	*linuxNetns
	close func() error
}

// Close closes the view when its last user does. Closing again does nothing.
func (s *sharingNetns) Close() error { return s.close() }

// open returns the view of a path, made by open if nobody has it open.
func (s *sharedNetns) open(path string, open func() (*linuxNetns, error)) (Netns, error) {
	if v := s.join(path, nil); v != nil {
		return s.use(path, v), nil
	}
	n, err := open()
	if err != nil {
		return nil, err
	}
	v := s.join(path, n)
	if v.linuxNetns != n { // somebody was faster
		_ = n.close()
	}
	return s.use(path, v), nil
}

// join adds a user to the view of a path, which is n where there is none; nil for neither.
func (s *sharedNetns) join(path string, n *linuxNetns) *sharedView {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.views[path]
	if v == nil && n != nil {
		v = &sharedView{linuxNetns: n}
		if s.views == nil {
			s.views = map[string]*sharedView{}
		}
		s.views[path] = v
	}
	if v != nil {
		v.users++
	}
	return v
}

func (s *sharedNetns) use(path string, v *sharedView) Netns {
	return &sharingNetns{linuxNetns: v.linuxNetns, close: sync.OnceValue(func() error {
		if !s.leave(path, v) {
			return nil
		}
		return v.linuxNetns.close()
	})}
}

// leave takes a user away and says whether it was the last.
func (s *sharedNetns) leave(path string, v *sharedView) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v.users--; v.users > 0 {
		return false
	}
	delete(s.views, path)
	return true
}
