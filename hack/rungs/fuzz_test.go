package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestFuzzRung runs the targets of a module that has one of each kind: one that holds, and one that breaks at its
// second byte.
func TestFuzzRung(t *testing.T) {
	dir := t.TempDir()
	const target = `
import "testing"
func Fuzz%(f *testing.F) {
	f.Add([]byte("a"))
	f.Fuzz(func(t *testing.T, b []byte) { if BAD && len(b) > 1 { t.Error("two bytes") } })
}
`
	for path, text := range map[string]string{
		"go.mod":               "module example.org/m\n\ngo 1.26\n",
		"a/a_test.go":          "package a" + strings.NewReplacer("%", "Good", "BAD", "false").Replace(target),
		"b/b_test.go":          "package b" + strings.NewReplacer("%", "Bad", "BAD", "true").Replace(target),
		"c/c_test.go":          "package c\ntype x struct{}\nfunc (x) FuzzMethod() {}\nfunc TestFuzz() {}\n",
		"other/go.mod":         "module example.org/other\n",
		"other/a_test.go":      "package a" + target,
		"a/testdata/x_test.go": "no Go at all",
	} {
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	targets, err := fuzzTargets(dir)
	if err != nil || len(targets) != 2 || targets[0].pkg != "./a" || targets[1].tests[0] != "FuzzBad" {
		t.Fatalf("found %+v, %v", targets, err)
	}
	t.Setenv("GOWORK", "off")
	t.Chdir(dir)
	var out strings.Builder
	tally := newTally()
	tally.begin(fuzzRung)
	rung{name: fuzzRung, steps: fuzzOf(targets), atOnce: fuzzAtOnce}.run(context.Background(), tally, &out)
	if v := judge(tally); v.passed != 1 || v.failed != 1 || !strings.Contains(out.String(), "two bytes") || !strings.Contains(out.String(), "testdata/fuzz/FuzzBad/") {
		t.Errorf("%d passed, %d failed:\n%s", v.passed, v.failed, out.String())
	}
}

// A failure without an input is tried again once; one with an input, or of another kind, is not.
func TestOutran(t *testing.T) {
	for output, want := range map[string]bool{
		"--- FAIL: FuzzA (30.1s)\n    context deadline exceeded\nFAIL\n":                                                           true,
		"--- FAIL: FuzzA (3.1s)\n    a_test.go:3: context deadline exceeded\n    Failing input written to testdata/fuzz/FuzzA/1\n": false,
		"panic: context deadline exceeded\n":                                                                                       false,
		"--- FAIL: FuzzA (3.1s)\n    two bytes\n":                                                                                  false,
	} {
		said := new(locked)
		said.text.WriteString(output)
		if got := outran(said); got != want {
			t.Errorf("%q: %v, want %v", output, got, want)
		}
	}
}

func TestStepThatOutranIsTriedAgain(t *testing.T) {
	dir := t.TempDir()
	const body = `package a
import ("os"; "testing")
func TestOnce(t *testing.T) {
	if _, err := os.Stat("tried"); err != nil {
		os.WriteFile("tried", nil, 0o600)
		t.Fatal("context deadline exceeded")
	}
}
func TestNever(t *testing.T) { t.Error("Failing input written to x: context deadline exceeded") }
`
	for name, text := range map[string]string{"go.mod": "module example.org/m\n\ngo 1.26\n", "a_test.go": body} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("GOWORK", "off")
	t.Chdir(dir)
	var out strings.Builder
	all := func(*tally) []step {
		return []step{{args: test("-run=TestOnce"), packages: []string{"."}}, {args: test("-run=TestNever"), packages: []string{"."}}}
	}
	seen := newTally()
	seen.begin(fuzzRung)
	rung{name: fuzzRung, steps: all, atOnce: fuzzAtOnce}.run(context.Background(), seen, &out)
	if v := judge(seen); v.passed != 1 || v.failed != 1 || strings.Count(out.String(), "once more") != 1 {
		t.Errorf("%d passed, %d failed:\n%s", v.passed, v.failed, out.String())
	}
}

func TestExecutions(t *testing.T) {
	for output, want := range map[string]string{
		"=== RUN   A\n--- PASS: A\n": "",
		"fuzz: elapsed: 0s, gathering baseline coverage: 0/7 completed\nfuzz: elapsed: 3s, gathering baseline coverage: 5/7 completed\n":                                 ", 5/7 inputs of earlier runs and nothing new: give it more time, or run go clean -fuzzcache",
		"fuzz: elapsed: 3s, execs: 46206 (15401/sec), new interesting: 91 (total: 98)\nfuzz: elapsed: 4s, execs: 72998 (26008/sec), new interesting: 101 (total: 108)\n": ", execs: 72998, new interesting: 101",
	} {
		if got := executions(output); got != want {
			t.Errorf("%q gives %q, want %q", output, got, want)
		}
	}
}

func fuzzOf(targets []selection) func(*tally) []step {
	return func(*tally) []step { return fuzzSteps(targets, time.Second) }
}
