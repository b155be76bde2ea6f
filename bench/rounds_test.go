package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/braid-cni/braid/bench/report"
)

// links are the names of the host's links.
func links(t *testing.T) string {
	t.Helper()
	all, err := netlink.LinkList()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, link := range all {
		names = append(names, link.Attrs().Name)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// noted is a floor that notes its calls, and can fail at one.
type noted struct {
	*Floor
	calls *[]string
	fails string
}

func newNoted(name string, place int, calls *[]string) noted {
	return noted{Floor: NewFloor(1, place).Named(name), calls: calls}
}

// note notes a call and runs it, unless it is to fail.
func (n noted) note(call string, f func() error) error {
	*n.calls = append(*n.calls, call+" "+n.Name())
	if n.fails == call {
		return errors.New(call + " broke")
	}
	return f()
}

func (n noted) Add(ctx context.Context, pod *Pod) error {
	return n.note("ADD", func() error { return n.Floor.Add(ctx, pod) })
}

func (n noted) Del(ctx context.Context, pod *Pod) error {
	return n.note("DEL", func() error { return n.Floor.Del(ctx, pod) })
}

func (n noted) Stop(ctx context.Context) error {
	return n.note("stop", func() error { return n.Floor.Stop(ctx) })
}

// shown are measurements in a line.
func shown(measured []report.Measurement) string {
	var rows []string
	for _, m := range measured {
		rows = append(rows, fmt.Sprint(m.What, " ", m.Subject, " ", len(m.Values)))
	}
	return strings.Join(rows, ", ")
}

// Two subjects are measured by turns, each first in one round of two, and leave nothing.
func TestRounds(t *testing.T) {
	var calls []string
	t.Run("run", func(t *testing.T) {
		team := testTeam(t, true, newNoted("a", 0, &calls), newNoted("b", 1, &calls))
		got, err := Rounds{Rounds: 2}.Run(t.Context(), team)
		if err != nil {
			t.Fatal(err)
		}
		if text := shown(got); text != "ADD a 2, ADD b 2, DEL a 2, DEL b 2" {
			t.Errorf("measured %s", text)
		}
	})
	want := "ADD a, ADD b, ADD b, ADD a, DEL b, DEL a, ADD a, ADD b, DEL a, DEL b, DEL b, stop b, DEL a, stop a"
	if text := strings.Join(calls, ", "); text != want {
		t.Errorf("calls %s, want %s", text, want)
	}
}

// Everybody comes behind everybody else, about as often.
func TestOrder(t *testing.T) {
	const n, rounds = 4, 100
	var behind [n][n]int
	for round := range rounds {
		all := order(round, n)
		for k, i := range all[1:] {
			behind[i][all[k]]++
		}
	}
	for i := range n {
		for j := range n {
			if fair := rounds / n; i != j && (behind[i][j] < fair*3/5 || behind[i][j] > fair*7/5) {
				t.Errorf("%d came %d times behind %d, in %d rounds", i, behind[i][j], j, rounds)
			}
		}
	}
}

// A subject that breaks ends the run, and is stopped too.
func TestRoundsFail(t *testing.T) {
	for _, call := range []string{"ADD", "DEL"} {
		t.Run(call, func(t *testing.T) {
			var calls []string
			a := newNoted("a", 0, &calls)
			a.fails = call
			pods := testPods(t)
			team, err := Gather(t.Context(), pods, true, a)
			if err == nil {
				_, err = Rounds{Rounds: 2}.Run(t.Context(), team)
			}
			team.Dismiss()
			if err == nil || !strings.Contains(err.Error(), call+" broke") {
				t.Errorf("error %v, want %s broke", err, call)
			}
			if !slices.Contains(calls, "stop a") {
				t.Errorf("calls %v lack stop", calls)
			}
			if err := (&Floor{}).Drain(t.Context(), pods.made); call == "DEL" && err != nil {
				t.Errorf("remove the links that are left: %v", err)
			}
		})
	}
}

// lazy says that it has done everything.
type lazy struct{ *Floor }

func (lazy) Add(context.Context, *Pod) error { return nil }

// A subject that does less than the others is found out.
func TestRoundsVerify(t *testing.T) {
	team := testTeam(t, false, lazy{NewFloor(2, 0)})
	_, err := Rounds{Rounds: 1}.Run(t.Context(), team)
	if err == nil || !strings.Contains(err.Error(), "interface eth0 there: false, want true") {
		t.Errorf("error %v", err)
	}
}

// Namespaces are used again, container IDs are not.
func TestPodsAreNew(t *testing.T) {
	pods := testPods(t)
	first, err := pods.Take(2)
	if err != nil {
		t.Fatal(err)
	}
	pods.Give(first[1])
	pods.Args = func() [][2]string { return [][2]string{{"K8S_POD_NAME", "web"}} }
	second, err := pods.Take(2)
	if err != nil {
		t.Fatal(err)
	}
	if len(pods.made) != 3 || second[0].Netns != first[1].Netns || second[1].Netns == first[0].Netns {
		t.Errorf("%d namespaces: %+v, then %+v", len(pods.made), first, second)
	}
	if second[0].ID == first[1].ID || second[0].Args[0][1] != "web" || second[0].Group == second[1].Group {
		t.Errorf("%+v, then %+v", first[1], second[0])
	}
}
