package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	current "github.com/containernetworking/cni/pkg/types/100"
	"golang.org/x/sys/unix"

	"github.com/braid-cni/braid/ipam"
	"github.com/braid-cni/braid/kernel/kerneltest"
	"github.com/braid-cni/braid/store"
)

// threeNetworks is a pod with eth0, net1 and net2, which between them need all that the bridge plugin changes.
func (n *node) threeNetworks(t *testing.T) {
	t.Helper()
	n.nad(t, "neta", n.network("bra0", "10.10.0.0/24", `,"isGateway":true,"ipMasq":true`))
	n.nad(t, "netb", n.network("brb0", "10.11.0.0/24", `,"hairpinMode":true,"macspoofchk":true`))
	n.pod(t, "web", "neta, netb")
}

// A moment is a point of a call, with what a machine that lost its power then would find on its disk.
type moment struct{ point, disk string }

// A diary notes the moments of a call.
type diary struct {
	n     *node
	copy  string
	mu    sync.Mutex
	notes []moment
	// atForget is the node's state when the record is about to go.
	atForget string
}

// watch lets a new diary note every point of the kernel and of the store.
func (n *node) watch(t *testing.T) *diary {
	t.Helper()
	d := &diary{n: n, copy: filepath.Join(t.TempDir(), "copy.db")}
	n.start(t, func(point string) { d.note(t, "store "+point) })
	n.world.Hook(func(point string) { d.note(t, "kernel "+point) })
	t.Cleanup(func() { n.world.Hook(nil) })
	return d
}

func (d *diary) note(t *testing.T, point string) {
	if point == "store forget:before" {
		d.atForget = d.n.state(t)
	}
	disk := d.disk(t)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.notes = append(d.notes, moment{point, disk})
}

// disk says what the file, and not the process, knows of the container.
func (d *diary) disk(t *testing.T) string {
	for from, to := range map[string]string{d.n.db: d.copy, store.LogPath(d.n.db): store.LogPath(d.copy)} {
		content, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(to, content, 0o600)
		}
		if err != nil {
			t.Error(err)
			return ""
		}
	}
	s, err := store.Open(d.copy, nil)
	if err != nil {
		t.Error(err)
		return ""
	}
	defer s.Close()
	c, err := s.Container("c1/eth0")
	switch {
	case err != nil:
		return err.Error()
	case c == nil:
		return "nothing"
	case !c.Attached:
		return fmt.Sprintf("%d intended", len(c.Attachments))
	}
	return fmt.Sprintf("%d attached", len(c.Attachments))
}

// call makes one, and notes the answer as a moment. It returns the moments since the last call.
func (d *diary) call(t *testing.T, command, netns string, succeeds bool) []moment {
	t.Helper()
	if out, ok := d.n.call(command, "c1", netns, "web"); ok != succeeds {
		t.Fatalf("%s: %s", command, out)
	}
	d.note(t, "answer")
	d.mu.Lock()
	defer d.mu.Unlock()
	notes := d.notes
	d.notes = nil
	return notes
}

// want compares the points of the store with what the disk has then; the kernel may be changed only where that is said to
// be before and after.
func want(t *testing.T, notes []moment, during string, wanted ...moment) {
	t.Helper()
	var stored []moment
	changes := 0
	for _, m := range notes {
		if !strings.HasPrefix(m.point, "kernel ") {
			stored = append(stored, m)
			continue
		}
		changes++
		if m.disk != during {
			t.Errorf("%s while the disk has %s, want %s", m.point, m.disk, during)
		}
	}
	if !slices.Equal(stored, wanted) {
		t.Errorf("got %v\nwant %v", stored, wanted)
	}
	if changes == 0 {
		t.Error("the kernel was not changed")
	}
}

// The plan is on the disk before the kernel is changed for the first time, the results are before the runtime has its
// answer, and both stay there until nothing is left of the pod.
func TestDiskKnowsBeforeTheKernel(t *testing.T) {
	eachNode(t, func(t *testing.T, n *node) {
		n.threeNetworks(t)
		netns := n.world.Netns(t)
		d := n.watch(t)
		before := n.state(t)
		want(t, d.call(t, "ADD", netns, true), "3 intended",
			moment{"store intend:before", "nothing"}, moment{"store intend:after", "3 intended"},
			moment{"store commit:before", "3 intended"}, moment{"store commit:after", "3 attached"}, moment{"answer", "3 attached"})
		want(t, d.call(t, "DEL", netns, true), "3 attached",
			moment{"store forget:before", "3 attached"}, moment{"store forget:after", "nothing"}, moment{"answer", "nothing"})
		if owed := before + "record c1/eth0\n"; d.atForget != owed {
			t.Errorf("the record goes while there is\n%s\nwant\n%s", d.atForget, owed)
		}
	})
}

// An ADD that fails at its last network is undone before its record goes.
func TestDiskKnowsUntilAFailedAddIsUndone(t *testing.T) {
	eachNode(t, func(t *testing.T, n *node) {
		n.threeNetworks(t)
		netns := n.world.Netns(t)
		d := n.watch(t)
		pairs := 0
		n.world.Refuse(func(change string) error {
			if change != "add veth" {
				return nil
			}
			if pairs++; pairs == 3 {
				return unix.ENOMEM
			}
			return nil
		})
		before := n.state(t)
		want(t, d.call(t, "ADD", netns, false), "3 intended",
			moment{"store intend:before", "nothing"}, moment{"store intend:after", "3 intended"},
			moment{"store forget:before", "3 intended"}, moment{"store forget:after", "nothing"}, moment{"answer", "nothing"})
		if owed := before + "record c1/eth0\n"; d.atForget != owed {
			t.Errorf("the record goes while there is\n%s\nwant\n%s", d.atForget, owed)
		}
	})
}

// A killer stops the one who comes to a point, counted from one, and lets nothing of the call go on: what it would undo or
// release stays, as after kill -9.
type killer struct {
	mu     sync.Mutex
	left   int
	died   chan string
	buried chan struct{}
	acts   sync.WaitGroup
}

func (k *killer) at(point string) {
	k.mu.Lock()
	k.left--
	dies := k.left == 0
	k.mu.Unlock()
	if dies {
		k.died <- point
		<-k.buried
	}
}

// A mortal is an IPAM driver of the one who dies, which takes addresses while another thread makes links: what it has begun
// then was done just before, and it begins nothing more.
type mortal struct {
	ipam.Driver
	killer *killer
}

func (m mortal) Add(ctx context.Context, r *ipam.Request) (*current.Result, error) {
	m.killer.mu.Lock()
	dead := m.killer.left <= 0
	if !dead {
		m.killer.acts.Add(1)
		defer m.killer.acts.Done()
	}
	m.killer.mu.Unlock()
	if dead {
		<-m.killer.buried
		return nil, errors.New("dead")
	}
	return m.Driver.Add(ctx, r)
}

// dieAt lets the agent die in a call, and starts another on the same disk and kernel. It says at which point; at none when
// the call came to its end.
func (n *node) dieAt(t *testing.T, step int, command, netns string) (point string) {
	t.Helper()
	k := &killer{left: step, died: make(chan string), buried: make(chan struct{})}
	n.start(t, k.at)
	n.world.Hook(k.at)
	n.Drivers["host-local"] = mortal{n.Drivers["host-local"], k}
	victim, answered := n.Agent, make(chan struct{})
	go func() {
		defer close(answered)
		victim.Handle(context.Background(), n.request(command, "c1", netns, "web"))
	}()
	t.Cleanup(func() { // what it still does, it does to a world that is of no interest any more
		close(k.buried)
		<-answered
	})
	select {
	case point = <-k.died:
		k.acts.Wait()
	case <-answered:
	}
	n.world.Hook(nil)
	n.world.Restart()
	n.start(t, nil)
	return point
}

// At whatever point an agent dies, the DEL that its successor gets leaves nothing.
func TestDelAfterACrash(t *testing.T) {
	for command, least := range map[string]int{"ADD": 50, "DEL": 8} {
		t.Run(command, func(t *testing.T) {
			kerneltest.Each(t, func(t *testing.T, w *kerneltest.World) {
				t.Parallel()
				step := 1
				for ; crashOnce(t, w.Real, command, step); step++ {
				}
				if step <= least {
					t.Errorf("died at %d points, want at least %d", step-1, least)
				}
			})
		})
	}
}

// crashOnce lets an agent die at a point of a call and says whether there is one.
func crashOnce(t *testing.T, real bool, command string, step int) (died bool) {
	t.Run(fmt.Sprint(step), func(t *testing.T) {
		w := kerneltest.NewFake()
		if real {
			w = kerneltest.NewReal(t)
		}
		n := newNode(t, w)
		n.threeNetworks(t)
		netns := n.world.Netns(t)
		before := n.state(t, netns)
		if command == "DEL" {
			n.mustCall(t, "ADD", "c1", netns, "web")
		}
		point := n.dieAt(t, step, command, netns)
		for range 2 {
			n.mustCall(t, "DEL", "c1", netns, "web")
		}
		if after := n.state(t, netns); after != before {
			t.Errorf("%s that died at %q, then DEL, left:\n%s\nbefore:\n%s", command, point, after, before)
		}
		died = point != ""
	})
	return died
}
