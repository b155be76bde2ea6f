package agent

import (
	"context"
	"strings"
	"testing"

	"github.com/braid-cni/braid/cluster"
)

// careless is a cluster whose code has a mistake.
type careless struct{ cluster.View }

func (careless) Pod(context.Context, string, string, string) (*cluster.Pod, error) {
	var none []int
	return nil, []error{nil}[len(none)+1]
}

// A panic fails the call that it happens in, with the stack in the log, and no other.
func TestPanicFailsOneCall(t *testing.T) {
	eachNode(t, func(t *testing.T, n *node) {
		n.pod(t, "web", "")
		netns, sound := n.world.Netns(t), n.View
		before := n.state(t, netns)
		n.View = careless{sound}
		if out, ok := n.call("ADD", "c1", netns, "web"); ok || !strings.Contains(out, "a mistake of Braid's own") {
			t.Errorf("ADD answered %s", out)
		}
		if !strings.Contains(n.log.String(), "panic_test.go") {
			t.Errorf("the log has no stack: %s", n.log)
		}
		n.View = sound
		n.mustCall(t, "ADD", "c1", netns, "web")
		n.mustCall(t, "DEL", "c1", netns, "web")
		if after := n.state(t, netns); after != before {
			t.Errorf("left behind:\n%s\nbefore:\n%s", after, before)
		}
	})
}
