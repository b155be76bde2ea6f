package bridge

import (
	"maps"
	"sync"
)

// ports are the pods' links that this process made and has not been told to delete, by bridge. Whoever has one there need not
// ask the kernel whether the bridge is used. A link that went by itself, with its pod's namespace, stays until the DEL that is
// owed for it, or until GC.
type ports struct {
	mu    sync.Mutex
	known map[string]map[string]bool
}

func (p *ports) add(bridge, link string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known == nil {
		p.known = make(map[string]map[string]bool)
	}
	if p.known[bridge] == nil {
		p.known[bridge] = make(map[string]bool)
	}
	p.known[bridge][link] = true
}

func (p *ports) drop(bridge, link string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if delete(p.known[bridge], link); len(p.known[bridge]) == 0 {
		delete(p.known, bridge)
	}
}

// keep drops those that are not left.
func (p *ports) keep(bridge string, left func(link string) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	maps.DeleteFunc(p.known[bridge], func(link string, _ bool) bool { return !left(link) })
	if len(p.known[bridge]) == 0 {
		delete(p.known, bridge)
	}
}

func (p *ports) any(bridge string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.known[bridge]) > 0
}
