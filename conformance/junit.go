package conformance

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

type junitSuites struct {
	XMLName xml.Name     `xml:"testsuites"`
	Suites  []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	Time    string        `xml:"time,attr"`
	Failure *junitMessage `xml:"failure"`
	Skipped *junitMessage `xml:"skipped"`
	Output  string        `xml:"system-out,omitempty"`
}

type junitMessage struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// WriteJUnit writes the report as JUnit XML: a test suite, in which a step at a version is a test case.
func (r *Report) WriteJUnit(w io.Writer) error {
	suite := junitSuite{Name: r.Subject}
	for _, s := range r.Steps {
		for _, result := range s.Results {
			suite.add(r.Subject, s, result)
		}
	}
	text, err := xml.MarshalIndent(junitSuites{Suites: []junitSuite{suite}}, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the report: %w", err)
	}
	_, err = fmt.Fprintf(w, "%s%s\n", xml.Header, text)
	return err
}

func (s *junitSuite) add(subject string, st Step, r Result) {
	c := junitCase{
		Class: subject + " " + r.Version, Name: fmt.Sprintf("%02d %s", st.Number, st.Name), Time: fmt.Sprintf("%.3f", r.Took.Seconds()),
	}
	message := &junitMessage{Message: strings.Join(r.Reasons, "; ")}
	s.Tests++
	switch r.Outcome {
	case Fail:
		s.Failures++
		message.Text = st.Clause + "\n" + r.details()
		c.Failure = message
	case NotApplicable:
		s.Skipped++
		c.Skipped = message
	default:
		c.Output = r.details()
	}
	s.Cases = append(s.Cases, c)
}
