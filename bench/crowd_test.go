package bench

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/braid-cni/braid/bench/report"
)

// Every subject starts pods at the same time.
func TestThroughput(t *testing.T) {
	team := testTeam(t, true, subjectOf(t, report.Floor, Plain(), 3), subjectOf(t, report.Reference, Plain(), 3), subjectOf(t, report.Braid, Plain(), 3))
	count := 0
	syncs := func(s Subject) (int, bool, error) {
		count += 3
		return count, s.Name() == report.Braid, nil
	}
	got, err := Crowd{Case: Plain().Name, Pods: 6, Workers: 4, Rounds: 2, Syncs: syncs}.Throughput(t.Context(), team)
	if err != nil {
		t.Fatal(err)
	}
	if text := shown(got); text != "ADD floor 2, ADD reference 2, ADD braid 2, fsyncs a pod braid 2" {
		t.Errorf("measured %s", text)
	}
	if syncs := got[len(got)-1]; slices.Min(syncs.Values) != 0.5 {
		t.Errorf("fsyncs a pod: %v", syncs.Values)
	}
}

// The pods of a node come and go: undisturbed, and while others are added.
func TestDrain(t *testing.T) {
	full := 0
	team := testTeam(t, true, subjectOf(t, report.Floor, Plain(), 3), subjectOf(t, report.Reference, Plain(), 3), subjectOf(t, report.Braid, Plain(), 3))
	d := Drain{Crowd: Crowd{Pods: 6, Workers: 4, Rounds: 2}, Slow: map[string]int{report.Reference: 1}, Full: func(Subject) error { full++; return nil }}
	got, err := d.Run(t.Context(), team)
	if err != nil {
		t.Fatal(err)
	}
	text := shown(got)
	if want := "start floor 2, start reference 1, start braid 2, drain floor 1, drain reference 1, drain braid 1, ADD meanwhile floor "; !strings.HasPrefix(text, want) || full != 5 {
		t.Errorf("measured %s, %d times full", text, full)
	}
}

// So many workers call, each pod is called for once, and an error is told.
func TestTogether(t *testing.T) {
	pods := make([]*Pod, 20)
	for i := range pods {
		pods[i] = &Pod{Number: i}
	}
	var now, most, calls atomic.Int32
	both := make(chan struct{})
	err := together(t.Context(), 2, pods, func(_ context.Context, pod *Pod) error {
		most.Store(max(most.Load(), now.Add(1)))
		defer now.Add(-1)
		if calls.Add(1) == 2 {
			close(both)
		}
		<-both
		if pod.Number%10 == 0 {
			return errors.New("broke")
		}
		return nil
	})
	if most.Load() != 2 || calls.Load() != 20 || err == nil || err.Error() != "broke" {
		t.Errorf("%d at the same time, %d calls, error %v", most.Load(), calls.Load(), err)
	}
}
