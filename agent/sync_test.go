package agent

import (
	"strings"
	"testing"

	"github.com/braid-cni/braid/store/storetest"
)

// Nothing is made before the disk has the plan, and nothing is answered before it has what came of it.
func TestAnswersWaitForTheDisk(t *testing.T) {
	for _, tt := range []struct {
		name, command string
		point         string // where the disk begins to fail; at once for none
		left          string // beside what was there before the ADD
	}{
		{name: "the plan", command: "ADD"},
		{name: "the results", command: "ADD", point: "commit:before", left: "record c1/eth0\n"},
		{name: "that it is gone", command: "DEL", point: "forget:before", left: "record c1/eth0\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			eachNode(t, func(t *testing.T, n *node) {
				n.threeNetworks(t)
				netns := n.world.Netns(t)
				storetest.FailingSync(t, func(t *testing.T, cut func()) {
					before := n.state(t, netns)
					if tt.command == "DEL" {
						n.mustCall(t, "ADD", "c1", netns, "web")
					}
					n.start(t, func(point string) {
						if point == tt.point {
							cut()
						}
					})
					if tt.point == "" {
						cut()
						n.world.Hook(func(point string) { t.Errorf("the kernel is changed: %s", point) })
					}
					if out, ok := n.call(tt.command, "c1", netns, "web"); ok || !strings.Contains(out, "input/output error") {
						t.Errorf("%s on a disk that fails: %s", tt.command, out)
					}
					if after := n.state(t, netns); after != before+tt.left {
						t.Errorf("left:\n%s\nwant:\n%s", after, before+tt.left)
					}
				})
			})
		})
	}
}
