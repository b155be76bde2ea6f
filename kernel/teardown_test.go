package kernel_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/braid-cni/braid/kernel"
	"github.com/braid-cni/braid/kernel/kerneltest"
)

// pods makes n pods and returns the names of their host-side links.
func pods(t *testing.T, w *kerneltest.World, n int) []string {
	t.Helper()
	names := make([]string, n)
	for i := range names {
		names[i] = kernel.LinkName(fmt.Sprint("c", i), "eth0")
		pair(t, w, w.Netns(t), names[i], fmt.Sprintf("10.1.0.%d/24", i+2))
	}
	return names
}

// left returns those of the links that are there.
func left(t *testing.T, w *kerneltest.World, names []string) []string {
	t.Helper()
	h := host(t, w)
	var found []string
	for _, name := range names {
		if _, err := h.Link(name); err == nil {
			found = append(found, name)
		}
	}
	return found
}

// counter counts the calls that delete links.
func counter(w *kerneltest.World) func() (single, group int) {
	var mu sync.Mutex
	var single, group int
	w.Hook(func(point string) {
		mu.Lock()
		defer mu.Unlock()
		switch point {
		case "before delete link":
			single++
		case "before delete link group":
			group++
		}
	})
	return func() (int, int) {
		mu.Lock()
		defer mu.Unlock()
		return single, group
	}
}

func TestTeardown(t *testing.T) {
	for _, tt := range []struct {
		name          string
		links         int
		missing       bool
		single, group int
	}{
		{"nothing", 0, false, 0, 0},
		{"one link", 1, false, 1, 0},
		{"one link and one that is gone", 1, true, 0, 1},
		{"many links", 5, false, 0, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			kerneltest.Each(t, func(t *testing.T, w *kerneltest.World) {
				names, count := pods(t, w, tt.links), counter(w)
				down := kernel.NewTeardown(w.Kernel)
				down.Links(names...)
				if tt.missing {
					down.Links("braidfffffffff0")
				}
				released := false
				down.Then(func(context.Context) error {
					released = len(left(t, w, names)) == 0
					return nil
				})
				must(t, down.Flush(t.Context()))
				if !released {
					t.Error("not released after the links were gone")
				}
				if s, g := count(); s != tt.single || g != tt.group {
					t.Errorf("%d single and %d group deletes, want %d and %d", s, g, tt.single, tt.group)
				}
			})
		})
	}
}

func TestTeardownRefused(t *testing.T) {
	kerneltest.Each(t, func(t *testing.T, w *kerneltest.World) {
		names := pods(t, w, 3)
		w.Refuse(func(change string) error {
			if change == "delete link group" {
				return unix.EOPNOTSUPP
			}
			return nil
		})
		down := kernel.NewTeardown(w.Kernel)
		down.Links(names...)
		must(t, down.Flush(t.Context()))
		if l := left(t, w, names); l != nil {
			t.Errorf("left: %q", l)
		}
	})
}

func TestTeardownFails(t *testing.T) {
	kerneltest.Each(t, func(t *testing.T, w *kerneltest.World) {
		names := pods(t, w, 1)
		w.Refuse(func(string) error { return unix.EPERM })
		down := kernel.NewTeardown(w.Kernel)
		down.Links(names...)
		down.Then(func(context.Context) error {
			t.Error("released although the link is there")
			return nil
		})
		if err := down.Flush(t.Context()); !errors.Is(err, unix.EPERM) {
			t.Errorf("error: %v", err)
		}
	})
}

// A stranger in the doomed group must survive, so the group is not deleted but another one chosen.
func TestTeardownStranger(t *testing.T) {
	kerneltest.Each(t, func(t *testing.T, w *kerneltest.World) {
		names, h := pods(t, w, 2), host(t, w)
		must(t, h.AddBridge(kernel.Bridge{Name: "stranger"}))
		var once sync.Once
		w.Hook(func(point string) {
			if point != "after set link group" {
				return
			}
			once.Do(func() {
				l := link(t, h, names[0])
				w.Hook(nil)
				must(t, h.SetLink("stranger", kernel.LinkChange{Group: l.Group}))
			})
		})
		down := kernel.NewTeardown(w.Kernel)
		down.Links(names...)
		must(t, down.Flush(t.Context()))
		_ = link(t, h, "stranger")
		if l := left(t, w, names); l != nil {
			t.Errorf("left: %q", l)
		}
	})
}

// The first two are served at once, and those that come while they are go together.
func TestReaper(t *testing.T) {
	kerneltest.Each(t, func(t *testing.T, w *kerneltest.World) {
		names, reaper := pods(t, w, 8), kernel.NewReaper(w.Kernel)
		var mu sync.Mutex
		var calls []string
		var started, wg sync.WaitGroup
		busy := make(chan struct{}, 2)
		w.Hook(func(point string) {
			if point != "before delete link" && point != "before delete link group" {
				return
			}
			mu.Lock()
			calls = append(calls, point)
			first := len(calls) <= cap(busy)
			mu.Unlock()
			if first {
				busy <- struct{}{}
				started.Wait()
				time.Sleep(100 * time.Millisecond) // for the last of those that started
			}
		})
		flush := func(name string) {
			down := reaper.Teardown()
			down.Links(name)
			down.Then(func(context.Context) error {
				if slices.Contains(left(t, w, names), name) {
					t.Errorf("%s: released before it was gone", name)
				}
				return nil
			})
			if err := down.Flush(t.Context()); err != nil {
				t.Error(err)
			}
		}
		started.Add(len(names) - 2)
		for _, name := range names[:2] {
			wg.Go(func() { flush(name) })
			<-busy
		}
		for _, name := range names[2:] {
			wg.Go(func() { started.Done(); flush(name) })
		}
		wg.Wait()
		if want := []string{"before delete link", "before delete link", "before delete link group"}; !slices.Equal(calls, want) {
			t.Errorf("calls %q, want %q", calls, want)
		}
	})
}

// A batch that is full is served by itself, and takes nobody along who comes later.
func TestReaperBatches(t *testing.T) {
	kerneltest.Each(t, func(t *testing.T, w *kerneltest.World) {
		names, reaper := pods(t, w, 6), kernel.NewReaper(w.Kernel)
		var mu sync.Mutex
		calls, busy, free := map[string]int{}, make(chan struct{}), make(chan struct{})
		w.Hook(func(point string) {
			mu.Lock()
			calls[point]++
			mu.Unlock()
			if point == "before delete link" {
				busy <- struct{}{}
				<-free
			}
		})
		var wg sync.WaitGroup
		flush := func(links ...string) {
			down := reaper.Teardown()
			down.Links(links...)
			wg.Go(func() {
				if err := down.Flush(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		for _, name := range names[:2] {
			flush(name)
			<-busy
		}
		full := slices.Clone(names[2:4])
		for i := range 200 {
			full = append(full, fmt.Sprint("none", i))
		}
		for _, links := range [][]string{full, names[4:]} {
			flush(links...)
			time.Sleep(100 * time.Millisecond) // for it to come
		}
		close(free)
		wg.Wait()
		if single, group := calls["before delete link"], calls["before delete link group"]; single != 2 || group != 2 || left(t, w, names) != nil {
			t.Errorf("%d single calls, %d for groups, want 2 and 2; left: %q", single, group, left(t, w, names))
		}
	})
}

func TestReaperAlone(t *testing.T) {
	kerneltest.Each(t, func(t *testing.T, w *kerneltest.World) {
		names, reaper := pods(t, w, 1), kernel.NewReaper(w.Kernel)
		gone := reaper.Teardown()
		gone.Links("braidfffffffff0")
		must(t, gone.Flush(t.Context()))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		down := reaper.Teardown()
		down.Links(names...)
		down.Then(func(context.Context) error {
			t.Error("released although nobody knows")
			return nil
		})
		if err := down.Flush(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("canceled flush: %v", err)
		}
		for range 200 {
			if left(t, w, names) == nil {
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
		t.Error("links of a canceled flush stay")
	})
}

// Links that are of no use without those that go are deleted in the same call, and nobody gets them before.
func TestCompanions(t *testing.T) {
	kerneltest.Each(t, func(t *testing.T, w *kerneltest.World) {
		names, h, count := pods(t, w, 2), host(t, w), counter(w)
		for i, name := range names {
			owner := kernel.Owner{Link: name, Network: "n"}
			must(t, h.UpdateElements(kernel.MasqueradeElements(owner, "gw", []netip.Prefix{prefix(fmt.Sprintf("10.1.0.%d/24", i+2))}), nil))
		}
		var order []string
		companion := func(gone func(string) bool) ([]string, func(), error) {
			order = append(order, "asked")
			if !gone(names[1]) {
				return nil, nil, nil
			}
			return []string{"br0"}, func() {
				_, err := h.Link("br0")
				order = append(order, fmt.Sprint("released, there ", err == nil))
			}, nil
		}
		flush := func(name string) {
			down := kernel.NewTeardown(w.Kernel)
			down.Links(name)
			for range 2 { // of two attachments
				down.With("br0", companion)
			}
			down.Then(func(context.Context) error {
				elements, err := h.Elements()
				order = append(order, fmt.Sprintf("%d links, %d elements", len(left(t, w, names)), len(elements)))
				return err
			})
			must(t, down.Flush(t.Context()))
		}
		flush(names[0])
		flush(names[1])
		want := []string{"asked", "1 links, 2 elements", "asked", "released, there false", "0 links, 0 elements"}
		if !slices.Equal(order, want) {
			t.Errorf("did %q, want %q", order, want)
		}
		if s, g := count(); s != 1 || g != 1 {
			t.Errorf("%d single and %d group deletes, want 1 and 1", s, g)
		}
	})
}

// Two batches at a time that between them take all ports of a bridge: one of them takes the bridge.
func TestCompanionsOfTwoBatches(t *testing.T) {
	kerneltest.Each(t, func(t *testing.T, w *kerneltest.World) {
		names, h, reaper := pods(t, w, 2), host(t, w), kernel.NewReaper(w.Kernel)
		var asking, wg sync.WaitGroup
		asking.Add(2)
		asked := make(chan struct{}, 2)
		companion := func(gone func(string) bool) ([]string, func(), error) {
			asked <- struct{}{}
			asking.Done()
			asking.Wait() // both are under way, and neither has deleted anything
			if gone(names[0]) && gone(names[1]) {
				return []string{"br0"}, nil, nil
			}
			return nil, nil, nil
		}
		for _, name := range names {
			wg.Go(func() {
				down := reaper.Teardown()
				down.Links(name)
				down.With("br0", companion)
				if err := down.Flush(t.Context()); err != nil {
					t.Error(err)
				}
			})
			<-asked // so that the other is of another batch
		}
		wg.Wait()
		if _, err := h.Link("br0"); !errors.Is(err, kernel.ErrNoLink) {
			t.Errorf("the bridge is left: %v", err)
		}
	})
}

// A companion that fails keeps those who named it from releasing, and nobody else.
func TestCompanionFails(t *testing.T) {
	kerneltest.Each(t, func(t *testing.T, w *kerneltest.World) {
		down, other := kernel.NewTeardown(w.Kernel), kernel.NewTeardown(w.Kernel)
		down.With("bridge", func(func(string) bool) ([]string, func(), error) { return nil, nil, unix.EPERM })
		down.Then(func(context.Context) error {
			t.Error("released")
			return nil
		})
		if err := down.Flush(t.Context()); !errors.Is(err, unix.EPERM) {
			t.Errorf("error: %v", err)
		}
		must(t, other.Flush(t.Context()))
	})
}

// A group takes more links than fit into one call, and says which exist.
func TestSetGroup(t *testing.T) {
	kerneltest.Each(t, func(t *testing.T, w *kerneltest.World) {
		h := host(t, w)
		var names, bridges []string
		for i := range 70 {
			bridges = append(bridges, fmt.Sprint("br", i))
			must(t, h.AddBridge(kernel.Bridge{Name: bridges[i]}))
			names = append(names, bridges[i], fmt.Sprint("none", i))
		}
		found, err := h.SetGroup(7777, names)
		known := func(name string) bool { return name == "br3" }
		strangers, err2 := h.Strangers(7777, known)
		must(t, err, err2)
		slices.Sort(bridges)
		for what, got := range map[string][]string{"found": found, "strangers and the known": append(strangers, "br3")} {
			if slices.Sort(got); !slices.Equal(got, bridges) {
				t.Errorf("%s: %q", what, got)
			}
		}
	})
}
