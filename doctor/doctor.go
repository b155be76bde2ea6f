// Package doctor looks at a node for what keeps Braid from working there, and says how to mend it. It only reads: files of
// the host, the kernel, and what the agent answers. It needs no cluster, and works while the agent is down, which is one of
// the things that it finds.
package doctor

import (
	"context"
	"time"

	"github.com/braid-cni/braid/kernel"
)

// A State is how bad a finding is.
type State string

// The states of a finding.
const (
	OK State = "ok"
	// Warning is what may hurt later, or what could not be looked at.
	Warning State = "warning"
	// Fault is what keeps pods from starting or from being reached.
	Fault State = "fault"
)

// A Finding is what one check says of one object.
type Finding struct {
	Check string `json:"check"`
	State State  `json:"state"`
	// What is wrong, with the object's name; empty where nothing is.
	What string `json:"what,omitempty"`
	// Mend is what to do: a command or a sentence.
	Mend string `json:"mend,omitempty"`
}

// A Node is where the doctor looks.
type Node struct {
	// Root is the host's root as this process sees it, "/" outside a container.
	Root     string
	Kernel   kernel.Kernel
	Firewall Firewall
	// Socket is the agent's, as this process sees it.
	Socket string
	// ConfDir and BinDir are the runtime's folders of CNI configurations and plugins, inside Root.
	ConfDir, BinDir string
	// Built is when this program was made, zero if that is not known: no clock that is right shows less.
	Built time.Time
	Now   func() time.Time
}

// A check is one idea of what may be wrong. It fails when it cannot look; what it found until then counts.
type check struct {
	name string
	look func(context.Context, *visit) ([]Finding, error)
}

// checks are in the order in which a person should mend what they find: a later one often goes with an earlier one.
var checks = [...]check{
	{"kernel", kernelRelease},
	{"clock", clock},
	{"certificates", certificates},
	{"binary", binary},
	{"conflist", conflist},
	{"conflist-order", conflistOrder},
	{"agent", agent},
	{"forwarding", forwarding},
	{"firewall", firewall},
	{"bridge-netfilter", bridgeNetfilter},
	{"reverse-path", reversePath},
	{"link-owners", linkOwners},
	{"host-links", hostLinks},
	{"leases", leases},
}

// Checks names the checks in the order in which Examine makes them.
func Checks() []string {
	var names []string
	for _, c := range checks {
		names = append(names, c.name)
	}
	return names
}

// Examine makes every check and returns at least one finding of each. It takes seconds at most, also with an agent that
// does not answer.
func (n *Node) Examine(ctx context.Context) []Finding {
	v := n.visit(ctx)
	defer v.close()
	var all []Finding
	for _, c := range checks {
		all = append(all, c.findings(ctx, v)...)
	}
	return all
}

func (c check) findings(ctx context.Context, v *visit) []Finding {
	found, err := c.look(ctx, v)
	if err != nil {
		found = append(found, warning("this could not be checked: "+err.Error(), "run braidctl doctor as root, on the node itself"))
	}
	if len(found) == 0 {
		found = []Finding{{State: OK}}
	}
	for i := range found {
		found[i].Check = c.name
	}
	return found
}

func fault(what, mend string) Finding   { return Finding{State: Fault, What: what, Mend: mend} }
func warning(what, mend string) Finding { return Finding{State: Warning, What: what, Mend: mend} }
