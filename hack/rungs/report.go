package main

import (
	"fmt"
	"io"
	"regexp"
	"strings"
)

// longTest is from when a test gets a line of its own, in seconds.
const longTest = 3

// A report turns events into counts and into lines for people: one a package
// when it is through, the whole output of what failed, the reason of what was
// skipped.
type report struct {
	out    io.Writer
	tally  *tally
	output map[testID]*strings.Builder // a package's own under an empty name
	builds map[string]*strings.Builder
}

func newReport(out io.Writer, t *tally) *report {
	return &report{out: out, tally: t, output: map[testID]*strings.Builder{}, builds: map[string]*strings.Builder{}}
}

func (r *report) event(e event) {
	id := testID{e.Package, e.Test}
	switch e.Action {
	case "build-output":
		add(r.builds, e.ImportPath, e.Output)
	case "output":
		add(r.output, id, e.Output)
	case "run":
		r.tally.now().of(id).state = ""
	case passed, failed, skipped:
		if e.Test != "" {
			r.testEnd(id, e)
		} else {
			r.packageEnd(e)
		}
	}
}

func add[K comparable](texts map[K]*strings.Builder, key K, text string) {
	if texts[key] == nil {
		texts[key] = &strings.Builder{}
	}
	texts[key].WriteString(text)
}

func (r *report) testEnd(id testID, e event) {
	test := r.tally.now().of(id)
	test.state = e.Action
	switch {
	case e.Action == failed:
		fmt.Fprintf(r.out, "FAIL  %s\n%s", id, indent(r.take(id)))
	case e.Action == skipped:
		test.reason = reason(r.take(id))
		fmt.Fprintf(r.out, "skip  %s: %s\n", id, test.reason)
	case e.Elapsed >= longTest && !strings.Contains(e.Test, "/"):
		fmt.Fprintf(r.out, "  ok  %s (%.1fs)%s\n", id, e.Elapsed, executions(r.take(id)))
	}
	delete(r.output, id)
}

func (r *report) packageEnd(e event) {
	lost := r.unfinished(e.Package)
	pass, fail, skip := r.results(e.Package)
	if e.Action == failed && fail == 0 {
		r.tally.fail(r.out, e.Package+" as a whole\n"+indent(r.wholeOutput(e)))
		fail++
	}
	switch {
	case e.Action == failed:
		fmt.Fprintf(r.out, "FAIL  %s %.1fs: %d passed, %d failed, %d skipped\n", e.Package, e.Elapsed, pass, fail, skip)
	case len(lost) == 0 && pass+skip == 0:
		fmt.Fprintf(r.out, "  --  %s: no tests\n", e.Package)
	default:
		fmt.Fprintf(r.out, "  ok  %s %.1fs: %d passed, %d skipped\n", e.Package, e.Elapsed, pass, skip)
	}
}

// unfinished fails the tests of a package that began and never said how they
// ended: its binary died or was killed.
func (r *report) unfinished(pkg string) (lost []testID) {
	for id, test := range r.tally.now().tests {
		if id.pkg == pkg && test.state == "" {
			lost = append(lost, id)
		}
	}
	for _, id := range lost {
		r.testEnd(id, event{Action: failed, Test: id.name})
	}
	return lost
}

func (r *report) results(pkg string) (pass, fail, skip int) {
	c := r.tally.now()
	number := func(state string) (n int) {
		for _, id := range c.in(state) {
			if id.pkg == pkg {
				n++
			}
		}
		return n
	}
	return number(passed), number(failed), number(skipped)
}

// wholeOutput is what a package printed outside its tests and, when it did not
// build, what the compiler said.
func (r *report) wholeOutput(e event) string {
	text := r.take(testID{pkg: e.Package})
	if b := r.builds[e.FailedBuild]; b != nil {
		text = b.String() + text
	}
	return text
}

func (r *report) take(id testID) string {
	if r.output[id] == nil {
		return ""
	}
	return r.output[id].String()
}

// reason picks what t.Skip was given out of a skipped test's output.
func reason(output string) string {
	place := regexp.MustCompile(`^\s*\S+\.go:\d+: `)
	var said []string
	for line := range strings.Lines(output) {
		if strings.HasPrefix(line, "===") || strings.HasPrefix(strings.TrimSpace(line), "--- ") {
			continue
		}
		if text := strings.TrimSpace(place.ReplaceAllString(line, "")); text != "" {
			said = append(said, text)
		}
	}
	return strings.Join(said, " ")
}

func indent(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString("      " + strings.TrimRight(line, "\n") + "\n")
	}
	return b.String()
}
