package netattach

import "fmt"

// name gives every attachment its interface: the default network the runtime's (clause 22), a pod's element the one
// it asks for (clauses 20, 21), and the others net<i>, i being the place in the whole list with the default network as
// 0, as Multus counts. Where that name is one that the pod chose for another network, the free net<i> with the lowest
// i beyond all places is taken, so that no third network is renamed for it.
func (p *Plan) name(runtimeIfName string, list []want) {
	taken := map[string]bool{runtimeIfName: true}
	for i, w := range list {
		switch {
		case w.first:
			w.checkFirst(runtimeIfName)
			p.Attachments[i].IfName = runtimeIfName
		case w.pick != nil && w.pick.InterfaceRequest != "":
			if w.pick.InterfaceRequest == runtimeIfName {
				w.pick.at.add("interface: %q is the default network's: choose another name, or leave it out", runtimeIfName)
			}
			p.Attachments[i].IfName = w.pick.InterfaceRequest
			taken[w.pick.InterfaceRequest] = true
		}
	}
	p.generate(taken)
}

// generate fills in the names that nobody chose, first those by place.
func (p *Plan) generate(taken map[string]bool) {
	first := 0
	if p.Chained {
		first = 1
	}
	for i := range p.Attachments {
		name := fmt.Sprintf("net%d", first+i)
		if a := &p.Attachments[i]; a.IfName == "" && !taken[name] {
			a.IfName = name
			taken[name] = true
		}
	}
	next := first + len(p.Attachments)
	for i := range p.Attachments {
		for a := &p.Attachments[i]; a.IfName == ""; next++ {
			if name := fmt.Sprintf("net%d", next); !taken[name] {
				a.IfName = name
			}
		}
	}
}

// checkFirst refuses another interface name for the default network than the runtime's, which looks for that one.
func (w *want) checkFirst(runtimeIfName string) {
	if w.pick != nil && w.pick.InterfaceRequest != "" && w.pick.InterfaceRequest != runtimeIfName {
		w.pick.at.add("interface: %q cannot be the default network's, which the runtime names %q: leave it out", w.pick.InterfaceRequest, runtimeIfName)
	}
}
