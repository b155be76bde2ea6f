package main

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// A verdict is what a run comes to. A test skipped on one rung and passed on
// another is not counted as skipped.
type verdict struct {
	passed, failed, skipped int
	rungs                   []string // "name passed", one a rung
	elsewhere               []string // skipped here, passed there
	missing                 []string // skipped everywhere, for a feature that no rung has
	open                    []string // skipped, and no other rung has been run
	wrong                   []string // what fails the run beside failed tests
	broken                  []string // failed tests by name
}

func judge(t *tally) verdict {
	var v verdict
	for _, c := range t.counts {
		pass, fail := len(c.in(passed)), c.in(failed)
		v.passed += pass
		v.failed += len(fail) + len(c.other)
		v.rungs = append(v.rungs, fmt.Sprintf("%s %d", c.rung, pass))
		for _, id := range fail {
			v.broken = append(v.broken, fmt.Sprintf("%s: %s", c.rung, id))
		}
		for _, what := range c.other {
			first, _, _ := strings.Cut(what, "\n")
			v.broken = append(v.broken, fmt.Sprintf("%s: %s", c.rung, first))
		}
		if c.ended() == 0 {
			v.wrong = append(v.wrong, fmt.Sprintf("%s: no test ran", c.rung))
		}
		for _, id := range c.in(skipped) {
			v.judgeSkip(t, c, id)
		}
	}
	return v
}

func (v *verdict) judgeSkip(t *tally, c *count, id testID) {
	name := featureIn(c.tests[id].reason)
	line := fmt.Sprintf("%s: %s (%s)", c.rung, id, name)
	switch other := passedOn(t, c, id); {
	case name == "":
		v.skipped++
		v.wrong = append(v.wrong, fmt.Sprintf("%s: %s is skipped and names no kernel feature of the list: %q", c.rung, id, c.tests[id].reason))
	case other != "":
		v.elsewhere = append(v.elsewhere, line+", passed on "+other)
	case nowhere(name):
		v.skipped++
		v.missing = append(v.missing, line)
	case len(t.counts) == 1:
		v.skipped++
		v.open = append(v.open, line)
	default:
		v.skipped++
		v.wrong = append(v.wrong, line+" is skipped and passed on no other rung")
	}
}

// passedOn returns a rung other than c on which the test passed.
func passedOn(t *tally, c *count, id testID) string {
	for _, other := range t.counts {
		if test := other.tests[id]; other != c && test != nil && test.state == passed {
			return other.rung
		}
	}
	return ""
}

func (v verdict) ok() bool { return v.failed == 0 && len(v.wrong) == 0 && v.passed > 0 }

func (v verdict) print(out io.Writer, took time.Duration) {
	fmt.Fprintln(out)
	list(out, "skipped on one rung for want of a kernel feature, passed on another:", v.elsewhere)
	list(out, "skipped, since no rung has the kernel feature:", v.missing)
	list(out, "skipped here; whether another rung runs them, only all rungs together tell:", v.open)
	list(out, "failed:", v.broken)
	list(out, "wrong:", v.wrong)
	counts := fmt.Sprintf("%d passed, %d failed, %d skipped", v.passed, v.failed, v.skipped)
	word := ""
	if !v.ok() {
		word = "FAIL: "
	}
	fmt.Fprintf(out, "braid: %s%s (%s) in %s\n", word, counts, strings.Join(v.rungs, ", "), took.Round(time.Second))
	fmt.Fprintln(out, counts)
}

func list(out io.Writer, title string, lines []string) {
	if len(lines) > 0 {
		fmt.Fprintf(out, "%s\n  %s\n", title, strings.Join(lines, "\n  "))
	}
}
