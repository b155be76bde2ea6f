package agent

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

// Fifty pods by eight workers, each with two networks: every one gets an address of its own, and takes all with it.
func TestFiftyPodsByEightWorkers(t *testing.T) {
	eachNode(t, func(t *testing.T, n *node) {
		n.nad(t, "neta", n.network("bra0", "10.10.0.0/24", `,"isGateway":true,"ipMasq":true`))
		n.pod(t, "web", "neta")
		var sandboxes []string
		for range 50 {
			sandboxes = append(sandboxes, n.world.Netns(t))
		}
		before := n.state(t, sandboxes...)
		n.byEight(t, "ADD", sandboxes)
		state := n.state(t, sandboxes...)
		for _, subnet := range []string{"10.1.0.", "10.10.0."} {
			for host := 2; host <= 51; host++ {
				if address := fmt.Sprintf("%s%d/24\n", subnet, host); strings.Count(state, address) != 1 {
					t.Errorf("%d pods have %s", strings.Count(state, address), address)
				}
			}
		}
		n.byEight(t, "DEL", sandboxes)
		if after := n.state(t, sandboxes...); after != before {
			t.Errorf("left behind:\n%s\nbefore:\n%s", after, before)
		}
	})
}

// byEight makes a call for every sandbox, eight at a time.
func (n *node) byEight(t *testing.T, command string, sandboxes []string) {
	t.Helper()
	work := make(chan int)
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			for i := range work {
				if out, ok := n.call(command, fmt.Sprintf("c%d", i), sandboxes[i], "web"); !ok {
					t.Errorf("%s of sandbox %d: %s", command, i, out)
				}
			}
		})
	}
	for i := range sandboxes {
		work <- i
	}
	close(work)
	workers.Wait()
}
