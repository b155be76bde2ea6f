package pods

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/braid-cni/braid/e2e/binaries"
	"github.com/braid-cni/braid/e2e/cluster"
	"github.com/braid-cni/braid/e2e/probe"
	"github.com/braid-cni/braid/e2e/suite"
)

// A way is what is watched: from one pod to another by one interface.
type way struct {
	from, to *sandbox
	dev      string
	ip       func(link) string // which of the interface's addresses
}

func (w way) String() string {
	return fmt.Sprintf("%s on %s to %s on %s by %s", w.from.pod.Name, w.from.node.Name, w.to.pod.Name, w.to.node.Name, w.dev)
}

// A watched is a way under way: a program in each pod.
type watched struct {
	way
	ends [2]*cluster.Process
}

// watch starts probes on all ways, which end by themselves after a while, and returns when they have met.
func watch(t *suite.Test, ways []way, lasting time.Duration) []watched {
	t.Helper()
	dir := t.TempDir()
	if err := binaries.Probe(t.Ctx, dir); err != nil {
		t.Fatal(err)
	}
	var all []watched
	for i, w := range ways {
		all = append(all, w.start(t, dir+"/probe", i, lasting))
	}
	for _, w := range all {
		for _, p := range w.ends {
			t.Eventually(func() error {
				if !strings.HasPrefix(p.Tail(), "met\n") {
					return fmt.Errorf("%s: the probes have not met: %s", w, p.Tail())
				}
				return nil
			})
		}
	}
	return all
}

func (w way) start(t *suite.Test, program string, number int, lasting time.Duration) watched {
	t.Helper()
	port := uint16(20000 + number)
	at := [2]netip.AddrPort{
		netip.AddrPortFrom(netip.MustParseAddr(w.ip(w.from.link(t, w.dev))), port),
		netip.AddrPortFrom(netip.MustParseAddr(w.ip(w.to.link(t, w.dev))), port),
	}
	all := watched{way: w}
	for i, s := range []*sandbox{w.from, w.to} {
		argv := append(s.enter(), program, "-local", at[i].String(), "-peer", at[1-i].String(), "-for", lasting.String())
		// By a name of its own: what another run of the test wrote is in another file.
		p, err := s.node.Start(fmt.Sprintf("probe-%d-%s", number, s.record.ID), argv, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { p.Kill() })
		all.ends[i] = p
	}
	return all
}

// lossless waits for the reports and checks that nothing was lost on the way, in neither direction.
func (w watched) lossless(t *suite.Test, atLeast int) {
	t.Helper()
	var reports [2]probe.Report
	for i, p := range w.ends {
		t.Eventually(func() error {
			if p.Alive() {
				return fmt.Errorf("%s: the probe has not ended", w)
			}
			return nil
		})
		if err := json.Unmarshal([]byte(strings.TrimPrefix(p.Tail(), "met\n")), &reports[i]); err != nil {
			t.Errorf("%s: %v in %s", w, err, p.Tail())
			return
		}
	}
	for i, r := range reports {
		t.Logf("%s, end %d: %+v", w, i, r)
		if e := r.Echo; e.Sent < atLeast || e.Lost != 0 || e.Reordered != 0 || e.Doubled != 0 {
			t.Errorf("%s: echoes of end %d: %+v, want at least %d and none lost", w, i, e, atLeast)
		}
		if s := r.Stream; s.Sent < atLeast || s.Received != reports[1-i].Stream.Sent {
			t.Errorf("%s: stream of end %d: %+v, of the other: %+v", w, i, s, reports[1-i].Stream)
		}
	}
}

func ip4(l link) string { return l.ips()[0] }

func ip6(l link) string { return l.ips()[len(l.ips())-1] }
