package main

import (
	"regexp"
	"strings"
)

// A selection is tests of one package.
type selection struct {
	pkg   string
	tests []string
}

// skippedHere selects the tests that have been skipped for a feature that
// another kernel may have.
func skippedHere(t *tally) (all []selection) {
	for _, c := range t.counts {
		for _, id := range c.in(skipped) {
			name := featureIn(c.tests[id].reason)
			if name == "" || nowhere(name) {
				continue
			}
			if n := len(all); n == 0 || all[n-1].pkg != id.pkg {
				all = append(all, selection{pkg: id.pkg})
			}
			last := &all[len(all)-1]
			last.tests = append(last.tests, id.name)
		}
	}
	return all
}

// pattern is the argument of -run that selects these tests and no others.
func (s selection) pattern() string {
	var patterns []string
	for _, name := range s.tests {
		var levels []string
		for level := range strings.SplitSeq(name, "/") {
			levels = append(levels, "^"+regexp.QuoteMeta(level)+"$")
		}
		patterns = append(patterns, strings.Join(levels, "/"))
	}
	return strings.Join(patterns, "|")
}
