package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

const (
	passed  = "pass"
	failed  = "fail"
	skipped = "skip"
)

// A testID names a test or a subtest.
type testID struct{ pkg, name string }

func (id testID) String() string { return id.pkg + "." + id.name }

// A counted is what became of a test on one rung.
type counted struct {
	state  string // empty while it runs
	reason string // why it was skipped
}

// A count is what one rung has seen.
type count struct {
	rung  string
	tests map[testID]*counted
	other []string // failures that belong to no test
}

// A tally holds the counts of all rungs, in the order in which they began.
type tally struct{ counts []*count }

func newTally() *tally { return &tally{} }

func (t *tally) begin(rung string) {
	t.counts = append(t.counts, &count{rung: rung, tests: map[testID]*counted{}})
}

func (t *tally) now() *count { return t.counts[len(t.counts)-1] }

// fail counts a failure that belongs to no test.
func (t *tally) fail(out io.Writer, what string) {
	fmt.Fprintln(out, "FAIL ", strings.TrimSpace(what))
	t.now().other = append(t.now().other, what)
}

func (t *tally) failures() (n int) {
	for _, c := range t.counts {
		n += len(c.in(failed)) + len(c.other)
	}
	return n
}

// add takes in what other has seen of the same rung.
func (c *count) add(other *count) {
	maps.Copy(c.tests, other.tests)
	c.other = append(c.other, other.other...)
}

func (c *count) of(id testID) *counted {
	if c.tests[id] == nil {
		c.tests[id] = &counted{}
	}
	return c.tests[id]
}

// in lists the tests in a state. A test that only gathers subtests is not
// counted beside them, unless it failed where none of them did.
func (c *count) in(state string) (ids []testID) {
	gathers := c.parents(func(*counted) bool { return true })
	blamed := c.parents(func(child *counted) bool { return child.state == failed })
	for _, id := range slices.SortedFunc(maps.Keys(c.tests), compare) {
		own := !gathers[id] || state == failed && !blamed[id]
		if own && c.tests[id].state == state {
			ids = append(ids, id)
		}
	}
	return ids
}

// ended is how many tests have passed or failed.
func (c *count) ended() int { return len(c.in(passed)) + len(c.in(failed)) }

// parents returns every test above one that fits.
func (c *count) parents(fits func(*counted) bool) map[testID]bool {
	found := map[testID]bool{}
	for id, test := range c.tests {
		if !fits(test) {
			continue
		}
		for i, r := range id.name {
			if r == '/' {
				found[testID{id.pkg, id.name[:i]}] = true
			}
		}
	}
	return found
}

func compare(a, b testID) int {
	return strings.Compare(a.String(), b.String())
}
