package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	goruntime "runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// inNamespace runs a test on a thread in a network namespace of its own.
func inNamespace(t *testing.T, f func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("network namespaces need root")
	}
	done := make(chan error)
	go func() {
		// Never unlocked: the thread ends with the goroutine, and its namespace with that.
		goruntime.LockOSThread()
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			done <- err
			return
		}
		f()
		done <- nil
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// noted is a floor that notes its calls, and can fail at one. A guest uses the floor of another.
type noted struct {
	*Floor
	name  string
	calls *[]string
	fails string
	guest bool
}

func (n noted) Name() string { return n.name }

// note notes a call and runs it, unless it is to fail.
func (n noted) note(call string, f func() error) error {
	*n.calls = append(*n.calls, call+" "+n.name)
	if n.fails == call {
		return errors.New(call + " broke")
	}
	return f()
}

func (n noted) Start(ctx context.Context) error {
	if n.guest {
		return nil
	}
	return n.Floor.Start(ctx)
}

func (n noted) Add(ctx context.Context, pod *Pod) error {
	return n.note("ADD", func() error { return n.Floor.Add(ctx, pod) })
}

func (n noted) Del(ctx context.Context, pod *Pod) error {
	return n.note("DEL", func() error { return n.Floor.Del(ctx, pod) })
}

func (n noted) Stop(ctx context.Context) error {
	if n.guest {
		return nil
	}
	return n.note("stop", func() error { return n.Floor.Stop(ctx) })
}

// TestRun measures two subjects in turn, each first in one round of two, and leaves nothing.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	inNamespace(t, func() {
		var calls []string
		a := noted{Floor: NewFloor(1), name: "a", calls: &calls}
		b := noted{Floor: a.Floor, name: "b", calls: &calls, guest: true}
		got, err := Run(t.Context(), Options{Pods: 2, Dir: dir}, 1, []Subject{a, b})
		if err != nil {
			t.Error(err)
			return
		}
		var rows []string
		for _, m := range got {
			rows = append(rows, fmt.Sprint(m.Verb, " ", m.Subject, " ", len(m.Took)))
		}
		if text := strings.Join(rows, ", "); text != "ADD a 2, ADD b 2, DEL a 2, DEL b 2" {
			t.Errorf("measured %s", text)
		}
		want := "ADD a, ADD b, ADD a, ADD b, DEL a, DEL b, ADD b, ADD a, DEL b, DEL a, DEL b, DEL a, stop a"
		if text := strings.Join(calls, ", "); text != want {
			t.Errorf("calls %s, want %s", text, want)
		}
	})
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left %v", left)
	}
}

// TestRunFails cleans up also when a subject breaks.
func TestRunFails(t *testing.T) {
	for _, call := range []string{"ADD", "DEL"} {
		t.Run(call, func(t *testing.T) {
			dir := t.TempDir()
			inNamespace(t, func() {
				var calls []string
				_, err := Run(t.Context(), Options{Pods: 2, Dir: dir}, 1, []Subject{noted{Floor: NewFloor(1), name: "a", calls: &calls, fails: call}})
				if err == nil || !strings.Contains(err.Error(), call+" broke") {
					t.Errorf("error %v, want %s broke", err, call)
				}
				if !slices.Contains(calls, "stop a") {
					t.Errorf("calls %v lack stop", calls)
				}
			})
			if left, _ := os.ReadDir(dir); len(left) != 0 {
				t.Errorf("left %v", left)
			}
		})
	}
}

// TestFloor gives a pod three networks and takes them away; verify sees both.
func TestFloor(t *testing.T) {
	inNamespace(t, func() {
		p := &pods{dir: t.TempDir()}
		defer func() {
			if err := p.close(); err != nil {
				t.Error(err)
			}
		}()
		f := NewFloor(3)
		pod, err := p.new()
		if err := errors.Join(err, f.Start(t.Context())); err != nil {
			t.Error(err)
			return
		}
		steps := []struct {
			name    string
			do      func(context.Context, *Pod) error
			present bool
		}{{"ADD", f.Add, true}, {"DEL", f.Del, false}}
		for _, step := range steps {
			if err := errors.Join(step.do(t.Context(), pod), verify(pod, step.present, 3)); err != nil {
				t.Errorf("%s: %v", step.name, err)
			}
			if verify(pod, !step.present, 3) == nil {
				t.Errorf("after %s, verify sees nothing wrong with the opposite", step.name)
			}
		}
		if err := f.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
