package bench

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/braid-cni/braid/bench/report"
)

// subjectOf returns the subject of that name for pods with so many networks, in folders of the test.
func subjectOf(t *testing.T, name string, kind Kind, networks int) Subject {
	t.Helper()
	p := programs[0]
	switch name {
	case report.Floor:
		return NewFloor(networks, 0)
	case report.FloorPlus:
		return NewFloorPlus(t.TempDir(), networks, 1)
	case report.Reference:
		return NewReference(p.Plugins, t.TempDir(), kind, networks)
	case OnceName:
		return NewOnce(p.Braid, t.TempDir(), kind, networks)
	}
	return NewBraid(NewAgent(p.Braid, t.TempDir()), kind, networks)
}

// names are those of all subjects that make links.
func names() []string {
	return []string{report.Floor, report.FloorPlus, report.Reference, report.Braid, OnceName}
}

// Every subject gives a pod ten networks and takes them away, which verify sees, and leaves no link.
func TestSubjects(t *testing.T) {
	for _, name := range names() {
		t.Run(name, func(t *testing.T) {
			team := testTeam(t, true, subjectOf(t, name, Plain(), MaxNetworks))
			s := team.subjects[0]
			pods, err := team.pods.Take(1)
			if err != nil {
				t.Fatal(err)
			}
			if s.Name() != name || s.Networks() != MaxNetworks {
				t.Errorf("it is %s with %d networks", s.Name(), s.Networks())
			}
			steps := []struct {
				name    string
				do      func(context.Context, *Pod) error
				present bool
			}{{"ADD", s.Add, true}, {"DEL", s.Del, false}}
			for _, step := range steps {
				if err := errors.Join(step.do(t.Context(), pods[0]), verify(pods[0], step.present, MaxNetworks)); err != nil {
					t.Errorf("%s: %v", step.name, err)
				}
				if verify(pods[0], !step.present, MaxNetworks) == nil {
					t.Errorf("after %s, verify sees nothing wrong with the opposite", step.name)
				}
			}
		})
	}
}

// The subjects that execute plugins take every configuration.
func TestKinds(t *testing.T) {
	for _, kind := range Kinds() {
		t.Run(kind.Name, func(t *testing.T) {
			team := testTeam(t, true, subjectOf(t, report.Reference, kind, 1), subjectOf(t, report.Braid, kind, 1), subjectOf(t, OnceName, kind, 1))
			if _, err := (Rounds{Rounds: 1}).Run(t.Context(), team); err != nil {
				t.Error(err)
			}
		})
	}
}

// The first pod of a network has no bridge before it, and leaves none.
func TestFirst(t *testing.T) {
	calls := 0
	team := testTeam(t, false, NewFloor(2, 0).Late(), subjectOf(t, report.Reference, Plain(), 2), subjectOf(t, report.Braid, Plain(), 2))
	before := links(t)
	r := Rounds{Rounds: 2, First: true, Each: func() {
		calls++
		if after := links(t); after != before {
			t.Errorf("left after round %d: %s, before were %s", calls, after, before)
		}
	}}
	if _, err := r.Run(t.Context(), team); err != nil || calls != 2 {
		t.Errorf("%d rounds, %v", calls, err)
	}
}

func TestIPAMs(t *testing.T) {
	testPods(t)
	agent := NewAgent(programs[0].Braid, t.TempDir())
	if err := agent.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer agent.Stop()
	for _, plugin := range IPAMs() {
		team := testTeam(t, false, ReferenceIPAM(programs[0].Plugins, t.TempDir(), plugin), BraidIPAM(agent, plugin))
		got, err := Rounds{Rounds: 2}.Run(t.Context(), team)
		if err != nil || shown(got) != "ADD reference 2, ADD braid 2, DEL reference 2, DEL braid 2" {
			t.Errorf("%s: %v, %v", plugin, shown(got), err)
		}
	}
}

// The floor-plus has what Braid has: both names, both settings, and a port that passes packets.
func TestFloorPlusIsWhatBraidMakes(t *testing.T) {
	team := testTeam(t, true, NewFloorPlus(t.TempDir(), 1, 1), subjectOf(t, report.Braid, Plain(), 1))
	var got [2]string
	for i, s := range team.subjects {
		pods, err := team.pods.Take(1)
		if err != nil {
			t.Fatal(err)
		}
		before := strings.Fields(links(t))
		if err := s.Add(t.Context(), pods[0]); err != nil {
			t.Fatal(err)
		}
		got[i] = features(t, pods[0], before)
		if err := s.Del(t.Context(), pods[0]); err != nil {
			t.Error(err)
		}
	}
	if got[0] != got[1] || !strings.Contains(got[0], "alias true") {
		t.Errorf("floor-plus makes:\n%s\nBraid makes:\n%s", got[0], got[1])
	}
}

func TestProgramsStart(t *testing.T) {
	testPods(t)
	got, err := Starts(t.Context(), "programs", "VERSION", "exec to exit", 2,
		CNIVersion("nothing", programs[0].Braid+"/nothing"), CNIVersion(report.Braid, programs[0].Braid+"/braid"), CNIVersion(report.Reference, programs[0].Plugins+"/bridge"))
	if err != nil || len(got) != 3 || slices.ContainsFunc(got, func(m report.Measurement) bool { return len(m.Values) != 2 }) {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := Starts(t.Context(), "", "", "", 1, CNIVersion("", "/bin/false")); err == nil {
		t.Error("a program that fails was taken")
	}
}
