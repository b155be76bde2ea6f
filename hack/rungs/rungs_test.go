package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// fed returns a tally that has read some rungs' events.
func fed(t *testing.T, rungs ...string) (*tally, string) {
	t.Helper()
	var out strings.Builder
	tally := newTally()
	for i, lines := range rungs {
		tally.begin([]string{kernelRung, vmRung, clusterRung}[i])
		if err := read(strings.NewReader(lines), newReport(&out, tally)); err != nil {
			t.Fatal(err)
		}
	}
	return tally, out.String()
}

// ev writes events as the go command does, one a word: run:T, pass:T, fail:T,
// skip:T with a reason, and with an empty T for the package.
func ev(words ...string) string {
	var b strings.Builder
	for _, word := range words {
		action, rest, _ := strings.Cut(word, ":")
		name, why, _ := strings.Cut(rest, "=")
		if why != "" {
			b.WriteString(`{"Action":"output","Package":"p","Test":"` + name + `","Output":"    a_test.go:9: ` + why + `\n"}` + "\n")
		}
		b.WriteString(`{"Action":"` + action + `","Package":"p","Test":"` + name + `"}` + "\n")
	}
	return b.String()
}

func TestVerdict(t *testing.T) {
	good := ev("run:A", "pass:A", "pass:")
	tests := []struct {
		name   string
		rungs  []string
		counts string
		ok     bool
	}{
		{"all pass", []string{good, good}, "2 passed, 0 failed, 0 skipped", true},
		{"one fails", []string{good, ev("run:A", "fail:A", "fail:")}, "1 passed, 1 failed, 0 skipped", false},
		{"rung without tests", []string{good, ev("pass:")}, "1 passed, 0 failed, 0 skipped", false},
		{"package fails alone", []string{ev("run:A", "pass:A", "fail:")}, "1 passed, 1 failed, 0 skipped", false},
		{"test never ends", []string{ev("run:A", "fail:")}, "0 passed, 1 failed, 0 skipped", false},
		{"test never ends and the package passes", []string{ev("run:A", "pass:")}, "0 passed, 1 failed, 0 skipped", false},
		{"subtests count, not what gathers them", []string{ev("run:A", "run:A/x", "run:A/y", "pass:A/x", "pass:A/y", "pass:A", "pass:")},
			"2 passed, 0 failed, 0 skipped", true},
		{"one subtest fails", []string{ev("run:A", "run:A/x", "run:A/y", "pass:A/x", "fail:A/y", "fail:A", "fail:")},
			"1 passed, 1 failed, 0 skipped", false},
		{"fails beside its subtests", []string{ev("run:A", "run:A/x", "pass:A/x", "fail:A", "fail:")}, "1 passed, 1 failed, 0 skipped", false},
		{"skip passed elsewhere", []string{ev("run:A", "skip:A=kernel lacks ipvlan", "run:B", "pass:B", "pass:"), good},
			"2 passed, 0 failed, 0 skipped", true},
		{"skip passed elsewhere, the other way", []string{good, ev("run:A", "skip:A=kernel lacks netem", "run:B", "pass:B", "pass:")},
			"2 passed, 0 failed, 0 skipped", true},
		{"skip of a test that has subtests elsewhere", []string{ev("run:A", "skip:A=kernel lacks ipvlan", "run:B", "pass:B", "pass:"),
			ev("run:A", "run:A/x", "pass:A/x", "pass:A", "pass:")}, "2 passed, 0 failed, 0 skipped", true},
		{"skip passed nowhere", []string{ev("run:C", "skip:C=kernel lacks ipvlan", "run:B", "pass:B", "pass:"), good},
			"2 passed, 0 failed, 1 skipped", false},
		{"skip of a feature that no rung has", []string{ev("run:C", "skip:C=kernel lacks WireGuard", "run:B", "pass:B", "pass:"), good},
			"2 passed, 0 failed, 1 skipped", true},
		{"skip without a feature", []string{ev("run:A", "skip:A=too slow", "run:B", "pass:B", "pass:"), good},
			"2 passed, 0 failed, 1 skipped", false},
		{"skip with the other rungs not run", []string{ev("run:A", "skip:A=kernel lacks VRF", "run:B", "pass:B", "pass:")},
			"1 passed, 0 failed, 1 skipped", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tally, _ := fed(t, tt.rungs...)
			v := judge(tally)
			var out strings.Builder
			v.print(&out, time.Minute)
			if !strings.HasSuffix(out.String(), "\n"+tt.counts+"\n") {
				t.Errorf("printed %q, want %q at the end", out.String(), tt.counts)
			}
			if v.ok() != tt.ok {
				t.Errorf("ok is %t: %s", v.ok(), out.String())
			}
		})
	}
}

func TestSummaryLine(t *testing.T) {
	good := ev("run:A", "pass:A", "pass:")
	tally, _ := fed(t, good, good, good)
	var out strings.Builder
	judge(tally).print(&out, 24*time.Minute+10*time.Second)
	want := "\nbraid: 3 passed, 0 failed, 0 skipped (unit+kernel 1, vm 1, cluster 1) in 24m10s\n3 passed, 0 failed, 0 skipped\n"
	if out.String() != want {
		t.Errorf("printed %q, want %q", out.String(), want)
	}
}

func TestFailuresAreShownInFull(t *testing.T) {
	_, out := fed(t, `{"Action":"build-output","ImportPath":"q","Output":"q.go:1: undefined: x\n"}
{"Action":"build-fail","ImportPath":"q"}
{"Action":"fail","Package":"q","FailedBuild":"q"}
{"Action":"run","Package":"p","Test":"A"}
{"Action":"output","Package":"p","Test":"A","Output":"first\n"}
{"Action":"output","Package":"p","Test":"A","Output":"second\n"}
{"Action":"fail","Package":"p","Test":"A"}
{"Action":"fail","Package":"p"}
this is no event
`)
	for _, want := range []string{"q.go:1: undefined: x", "first", "second", "p.A", "this is no event"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in %q", want, out)
		}
	}
}

func TestReason(t *testing.T) {
	got := reason("=== RUN   A\n    a_test.go:12: kernel lacks\n        ipvlan\n--- SKIP: A (0.00s)\n")
	if want := "kernel lacks ipvlan"; got != want {
		t.Errorf("reason is %q, want %q", got, want)
	}
}

// TestRealPackage runs the go command itself on a package with every outcome.
func TestRealPackage(t *testing.T) {
	dir := t.TempDir()
	files := map[string]string{
		"go.mod": "module example.org/m\n\ngo 1.26\n",
		"a/a_test.go": `package a
import ("os"; "testing")
func TestPass(t *testing.T) {}
func TestFail(t *testing.T) { t.Error("wrong") }
func TestSkip(t *testing.T) { t.Skip("kernel lacks ipvlan") }
func TestDie(t *testing.T) { os.Exit(3) }
`,
		"b/b_test.go": "package b\nfunc f() { undefined() }\n",
		"c/c.go":      "package c\n",
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("GOWORK", "off")
	var out strings.Builder
	tally := newTally()
	tally.begin(kernelRung)
	step{dir: dir, args: test(), packages: []string{"./..."}}.run(context.Background(), tally, &out)
	v := judge(tally)
	// Failed: TestFail, TestDie and the build of b.
	if v.passed != 1 || v.failed != 3 || v.skipped != 1 {
		t.Errorf("%d passed, %d failed, %d skipped, want 1, 3, 1:\n%s", v.passed, v.failed, v.skipped, out.String())
	}
	step{dir: dir, args: test(), packages: []string{"./c/..."}}.run(context.Background(), tally, &out)
	if after := judge(tally); after.failed != 4 {
		t.Errorf("a step without tests did not fail:\n%s", out.String())
	}
}

func TestGuestRunsWhatWasSkipped(t *testing.T) {
	tally, _ := fed(t, ev("run:A", "skip:A=kernel lacks VRF", "run:B", "run:B/x.y", "run:B/z", "skip:B/x.y=kernel lacks ipvlan", "pass:B/z", "pass:B",
		"run:C", "skip:C=too slow", "run:D", "skip:D=kernel lacks WireGuard", "pass:"))
	got := skippedHere(tally)
	if len(got) != 1 || got[0].pkg != "p" {
		t.Fatalf("selected %v", got)
	}
	if want := `^A$|^B$/^x\.y$`; got[0].pattern() != want {
		t.Errorf("the pattern is %q, want %q", got[0].pattern(), want)
	}
	steps := guestSteps(tally, "/bin/vm")
	last := steps[len(steps)-1]
	if len(steps) != 3 || !slices.Contains(last.args, "-exec=/bin/vm") || !slices.Contains(last.args, "-run="+got[0].pattern()) {
		t.Errorf("the last of %d steps is %v", len(steps), last)
	}
}

func TestChoose(t *testing.T) {
	t.Chdir("../..")
	if all, err := choose(nil, time.Second); err != nil || len(all) != 5 {
		t.Errorf("no name chose %d rungs, %v", len(all), err)
	}
	if one, err := choose([]string{clusterRung}, time.Second); err != nil || len(one) != 1 || one[0].name != clusterRung {
		t.Errorf("%s chose %d rungs, %v", clusterRung, len(one), err)
	}
	if one, err := choose([]string{gateRung}, time.Second); err != nil || len(one) != 1 || !one[0].built {
		t.Errorf("%s chose %d rungs, %v", gateRung, len(one), err)
	}
	for _, name := range []string{"attic", vmRung} {
		if _, err := choose([]string{name}, time.Second); err == nil {
			t.Errorf("%s alone was chosen", name)
		}
	}
}
