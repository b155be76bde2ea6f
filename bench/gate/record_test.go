package gate

import (
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/braid-cni/braid/bench/report"
)

func TestCompare(t *testing.T) {
	recorded := Ratios{"ADD": 2, "DEL": 1.2}
	tests := []struct {
		name string
		now  Ratios
		want []string
	}{
		{"as recorded", Ratios{"ADD": 2, "DEL": 1.2}, nil},
		{"faster", Ratios{"ADD": 1, "DEL": 1}, nil},
		{"a quarter slower", Ratios{"ADD": 2.5, "DEL": 1.5}, nil},
		{"one slower", Ratios{"ADD": 2.51, "DEL": 1.2}, []string{"ADD takes 2.51 times", "recorded are 2.00, and 2.50 would pass", "commit of its own"}},
		{"both slower", Ratios{"ADD": 3, "DEL": 3}, []string{"ADD takes 3.00", "DEL takes 3.00"}},
		{"one not measured", Ratios{"ADD": 2}, []string{"DEL is in bench/record.json and was not measured"}},
		{"one not recorded", Ratios{"ADD": 2, "DEL": 1, "GC": 1}, []string{"GC is not in bench/record.json"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := compare(recorded, tt.now)
			if (err == nil) != (tt.want == nil) {
				t.Fatalf("error %v", err)
			}
			for _, part := range tt.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %v lacks %q", err, part)
				}
			}
		})
	}
}

// The record is what is in the middle, of each ratio by itself.
func TestMiddle(t *testing.T) {
	got := middle([]Ratios{{"ADD": 3, "DEL": 1}, {"ADD": 9, "DEL": 2}, {"ADD": 4, "DEL": 0.5}}).String()
	if want := "ADD 4.00x, DEL 1.00x"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// The best of several attempts counts, for each ratio by itself.
func TestTake(t *testing.T) {
	best := Ratios{}
	best.take(Ratios{"ADD": 3, "DEL": 1.234})
	best.take(Ratios{"ADD": 2.346, "DEL": 2})
	if got, want := best.rounded().String(), "ADD 2.35x, DEL 1.23x"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestRatios(t *testing.T) {
	m := func(what, subject string, value float64) report.Measurement {
		return report.Measurement{Case: "3 networks", What: what, Subject: subject, Values: []float64{value}}
	}
	got := ratios([]report.Measurement{m("ADD", report.Floor, 2), m("ADD", report.Braid, 5), m("DEL", report.Braid, 5)})
	if want := "ADD of 3 networks 2.50x"; got.String() != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// The record of this checkout can be read, and has what the gate measures.
func TestRecord(t *testing.T) {
	recorded, err := read(filepath.Join("..", "..", File))
	if err != nil {
		t.Fatal(err)
	}
	for _, what := range []string{"ADD of 3 networks", "DEL of 3 networks"} {
		if ratio := recorded[what]; ratio < 0.5 || ratio > 100 {
			t.Errorf("%s is recorded as %v", what, ratio)
		}
	}
}

// Whoever changes the record says so in a commit of its own, where nothing hides it.
func TestRecordChangesAlone(t *testing.T) {
	mixed, err := mixedCommits(t.Context(), "../..")
	if errors.Is(err, errNoHistory) {
		t.Logf("this is no git checkout: no commit can be looked at: %v", err)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, commit := range mixed {
		t.Errorf("commit %s changes %s and other files: the record changes in a commit of its own", commit, File)
	}
}

// In a history that is made for it, the commit is found that changes more, and no other; where the history is cut off,
// the oldest commit, which seems to bring every file, is not blamed.
func TestMixedCommits(t *testing.T) {
	dir := t.TempDir()
	git := func(in string, args ...string) {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-C", in, "-c", "user.name=t", "-c", "user.email=t@example.org"}, args...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v: %s", args, err, out)
		}
	}
	git(dir, "init", "-q")
	commit := func(name string, files ...string) {
		t.Helper()
		for _, file := range files {
			write(t, filepath.Join(dir, file), name)
		}
		git(dir, "add", "-A")
		git(dir, "commit", "-qm", name)
	}
	commit("other", "a")
	commit("alone", File)
	commit("after", "a")
	if mixed, err := mixedCommits(context.Background(), dir); err != nil || len(mixed) != 0 {
		t.Errorf("%q, %v", mixed, err)
	}
	shallow := filepath.Join(t.TempDir(), "clone")
	git(dir, "clone", "-q", "--depth=1", "file://"+dir, shallow)
	if mixed, err := mixedCommits(context.Background(), shallow); err != nil || len(mixed) != 0 {
		t.Errorf("of a shallow clone: %q, %v", mixed, err)
	}
	commit("both", "a", File)
	mixed, err := mixedCommits(context.Background(), dir)
	if err != nil || len(mixed) != 1 || !strings.HasSuffix(mixed[0], " both") {
		t.Errorf("%q, %v", mixed, err)
	}
	if _, err := mixedCommits(context.Background(), t.TempDir()); !errors.Is(err, errNoHistory) {
		t.Errorf("outside of a checkout: %v", err)
	}
}
