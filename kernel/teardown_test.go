package kernel_test

import (
	"context"
	"errors"
	"fmt"
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
			if point != "after set link" {
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

func TestReaper(t *testing.T) {
	kerneltest.Each(t, func(t *testing.T, w *kerneltest.World) {
		names, reaper, count := pods(t, w, 8), kernel.NewReaper(w.Kernel), counter(w)
		var wg sync.WaitGroup
		for _, name := range names {
			wg.Go(func() {
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
			})
		}
		wg.Wait()
		if s, g := count(); s+g > 4 {
			t.Errorf("%d kernel calls for %d links", s+g, len(names))
		}
	})
}

func TestReaperAlone(t *testing.T) {
	kerneltest.Each(t, func(t *testing.T, w *kerneltest.World) {
		names, reaper := pods(t, w, 1), kernel.NewReaper(w.Kernel)
		// The machine may be busy, but not each time for as long as the batch gathers.
		fastest := time.Hour
		for range 20 {
			gone, start := reaper.Teardown(), time.Now()
			gone.Links("braidfffffffff0")
			must(t, gone.Flush(t.Context()))
			fastest = min(fastest, time.Since(start))
		}
		if fastest >= kernel.Gather {
			t.Errorf("nothing to delete took %v at best", fastest)
		}
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
