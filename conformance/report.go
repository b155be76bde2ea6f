package conformance

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// An Outcome is how a plugin did.
type Outcome string

// The outcomes.
const (
	Pass          Outcome = "pass"
	Fail          Outcome = "fail"
	NotApplicable Outcome = "n.a."
)

// A Report is what a run found.
type Report struct {
	// Subject names what was examined.
	Subject string
	Steps   []Step
	// Stays are the things that the first attachment on a host left for good, such as a bridge: "link cni0 bridge ...".
	// The steps do not hold them against the plugin.
	Stays []string
}

// A Step is one of the suite's.
type Step struct {
	Number int
	Name   string
	// Clause names the sections of CNI spec 1.1 that the step is from.
	Clause string
	// Results has one for each version; it is empty for a step that was not to be taken.
	Results []Result
}

// A Result is a step's at one version of the specification.
type Result struct {
	Version string
	Outcome Outcome
	// Took is how long the step was in all.
	Took time.Duration
	// Reasons say why a step failed or does not apply. They are the same in each run on one kind of machine.
	Reasons []string
	// Calls are all executions of plugins, in order.
	Calls []Call
	// Kernel is what the kernel had where that was not as it should be.
	Kernel []string
}

func newReport(s *suite) *Report {
	r := &Report{Subject: cmp.Or(s.Name, strings.Join(s.network.types(), ", "))}
	for _, st := range steps() {
		r.Steps = append(r.Steps, Step{Number: st.number, Name: st.name, Clause: "CNI 1.1, " + st.clause})
	}
	return r
}

// add adds what was found at one version.
func (r *Report) add(f findings) {
	for i := range r.Steps {
		if result, taken := f.results[r.Steps[i].Number]; taken {
			r.Steps[i].Results = append(r.Steps[i].Results, result)
		}
	}
	for _, line := range f.stays {
		if !slices.Contains(r.Stays, line) {
			r.Stays = append(r.Stays, line)
		}
	}
}

// Outcome is Fail if the step failed at any version, Pass if it passed at any and failed at none.
func (s Step) Outcome() Outcome {
	outcome := NotApplicable
	for _, r := range s.Results {
		if r.Outcome == Fail {
			return Fail
		}
		if r.Outcome == Pass {
			outcome = Pass
		}
	}
	return outcome
}

// Reasons are those of the results with the step's outcome, each once, with the versions that it is for unless that is
// all of them.
func (s Step) Reasons() (reasons []string) {
	versions := map[string][]string{}
	for _, r := range s.Results {
		if r.Outcome != s.Outcome() {
			continue
		}
		for _, reason := range r.Reasons {
			if versions[reason] == nil {
				reasons = append(reasons, reason)
			}
			versions[reason] = append(versions[reason], r.Version)
		}
	}
	for i, reason := range reasons {
		if applied := s.applied(); len(versions[reason]) < applied {
			reasons[i] = reason + " (" + strings.Join(versions[reason], ", ") + ")"
		}
	}
	return reasons
}

// applied is the number of versions that decide the outcome.
func (s Step) applied() (n int) {
	for _, r := range s.Results {
		if r.Outcome != NotApplicable || s.Outcome() == NotApplicable {
			n++
		}
	}
	return n
}

// Failed says that a step failed.
func (r *Report) Failed() bool {
	return slices.ContainsFunc(r.Steps, func(s Step) bool { return s.Outcome() == Fail })
}

// WriteText writes a line for each step, with the reasons below it. With details, calls and kernel of what failed follow.
func (r *Report) WriteText(w io.Writer, details bool) error {
	var b strings.Builder
	count := map[Outcome]int{}
	for _, s := range r.Steps {
		if len(s.Results) == 0 {
			continue
		}
		outcome := s.Outcome()
		count[outcome]++
		fmt.Fprintf(&b, "%4s %2d %s\n", outcome, s.Number, s.Name)
		for _, reason := range s.Reasons() {
			fmt.Fprintf(&b, "        %s\n", reason)
		}
		if outcome == Fail && details {
			b.WriteString(s.details())
		}
	}
	for _, line := range r.Stays {
		fmt.Fprintf(&b, "stays after the first attachment: %s\n", line)
	}
	fmt.Fprintf(&b, "%s: %d steps pass, %d fail, %d do not apply\n", r.Subject, count[Pass], count[Fail], count[NotApplicable])
	_, err := io.WriteString(w, b.String())
	return err
}

func (s Step) details() string {
	var b strings.Builder
	for _, r := range s.Results {
		if r.Outcome == Fail {
			fmt.Fprintf(&b, "        -- %s, clause %s\n", r.Version, s.Clause)
			b.WriteString(indent(r.details()))
		}
	}
	return b.String()
}

// details is what the plugin was given and answered, and what the kernel had.
func (r Result) details() string {
	var b strings.Builder
	for _, c := range r.Calls {
		b.WriteString(c.String())
	}
	for _, k := range r.Kernel {
		b.WriteString(k + "\n")
	}
	return b.String()
}

func indent(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString("        " + line)
	}
	return b.String()
}
