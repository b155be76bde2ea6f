package agent

import (
	"slices"
	"strconv"
	"testing"
)

// A clause is one requirement of the multi-network standard, version 1.3, or of the Device Information Specification, by
// the project's number.
type clause struct {
	number      int
	section     string
	requirement string
	stand       stand
	remark      string
	// prove is nil where there is nothing to prove.
	prove func(t *testing.T)
}

// A stand is how Braid stands to a clause.
type stand string

const (
	conforms      stand = "✓"
	differs       stand = "differs"
	notApplicable stand = "n/a"
	later         stand = "later"
)

// clauses are all of them, in order.
func clauses() []clause {
	return slices.Concat(networkClauses(), selectionClauses(), requestClauses(), routeClauses(), statusClauses(), defaultClauses(),
		runtimeClauses(), claimClauses(), deviceClauses())
}

// TestNPWG proves one clause after the other: TestNPWG/16 is clause 16.
func TestNPWG(t *testing.T) {
	for _, c := range clauses() {
		if c.prove != nil {
			t.Run(strconv.Itoa(c.number), func(t *testing.T) {
				t.Parallel()
				c.prove(t)
			})
		}
	}
}

// Every clause is there once, in order, and has a proof unless it is one of the few that may go without.
func TestNPWGClauses(t *testing.T) {
	const last = 71
	allowed := map[stand][]int{
		notApplicable: {4, 8, 69},
		later:         {36, 67, 68},
		// What the design decides otherwise: an invalid annotation fails the pod; two keys of Multus are read, two are written.
		differs: {11, 14, 18, 20, 25, 28, 31, 34, 45},
	}
	all := clauses()
	if len(all) != last {
		t.Errorf("%d clauses, want %d", len(all), last)
	}
	for i, c := range all {
		if c.number != i+1 {
			t.Fatalf("clause %d is at place %d", c.number, i+1)
		}
		if c.section == "" || c.requirement == "" {
			t.Errorf("clause %d lacks section or requirement", c.number)
		}
		proved := c.stand == conforms || c.stand == differs
		if proved != (c.prove != nil) {
			t.Errorf("clause %d stands as %q: proof %v", c.number, c.stand, c.prove != nil)
		}
		if c.stand != conforms && (!slices.Contains(allowed[c.stand], c.number) || c.remark == "") {
			t.Errorf("clause %d may not stand as %q, or does not say why", c.number, c.stand)
		}
	}
}
