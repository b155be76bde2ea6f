package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// A Report is everything measured in one run, and on what.
type Report struct {
	// Kernel is the running kernel's release, CPUs how many processors it has.
	Kernel string `json:"kernel"`
	CPUs   int    `json:"cpus"`
	// Load is how many processes wanted one in the minute before the run: there should be none.
	Load float64 `json:"load"`
	// Go is the version of the compiler, Plugins that of the reference plugins, Kubernetes that of the API server, empty
	// when there was none.
	Go         string `json:"go"`
	Plugins    string `json:"plugins"`
	Kubernetes string `json:"kubernetes,omitempty"`
	// Commit is Braid's, with "-dirty" when files were changed since.
	Commit string `json:"commit"`
	// Date is the day of the run, Seconds how long it took.
	Date    string    `json:"date"`
	Seconds float64   `json:"seconds"`
	Goals   []Verdict `json:"goals"`
	Rows    []Row     `json:"rows"`
}

// String is what was measured, in a line.
func (r *Report) String() string {
	machine := fmt.Sprintf("kernel %s, %d CPUs, load before %.1f, %s, reference plugins %s, Braid %s",
		r.Kernel, r.CPUs, r.Load, r.Go, r.Plugins, r.Commit)
	if r.Kubernetes != "" {
		machine += ", Kubernetes " + r.Kubernetes
	}
	return machine
}

// Table writes the report for people.
func (r *Report) Table(w io.Writer) error {
	fmt.Fprintln(w, r)
	for _, rows := range bySection(r.Rows) {
		fmt.Fprintf(w, "\n%s\n", rows[0].Section)
		if err := section(w, rows); err != nil {
			return err
		}
	}
	return nil
}

// columns are the heads of the table.
func columns() []string {
	return []string{"case", "what", "subject", "n", "median", "p99", "min-max", "unit", "of floor", "of floor-plus", "of reference"}
}

// cells are the rows of one section as they are written. What the rows before have said is not said again.
func cells(rows []Row) (lines [][]string) {
	var before Row
	for _, row := range rows {
		of, what := row.Case, row.What
		if before.Case == row.Case {
			of = ""
			if before.What == row.What {
				what = ""
			}
		}
		lines = append(lines, []string{of, what, row.Subject, fmt.Sprint(len(row.Samples)), figure(row.Median), figure(row.P99),
			figure(row.Min) + "-" + figure(row.Max), row.Unit, times(row.OfFloor), times(row.OfFloorPlus), times(row.OfReference)})
		before = row
	}
	return lines
}

// section writes the rows of one section.
func section(w io.Writer, rows []Row) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, line := range append([][]string{columns()}, cells(rows)...) {
		fmt.Fprintf(t, "%s\t\n", strings.Join(line, "\t"))
	}
	return t.Flush()
}

// figure writes a value with three digits, or all of those before the point.
func figure(x float64) string {
	switch {
	case x == float64(int64(x)), x >= 100:
		return fmt.Sprintf("%.0f", x)
	case x >= 10:
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.2f", x)
}

// times writes a ratio.
func times(x float64) string {
	if x == 0 {
		return "-"
	}
	return figureOf(x) + "x"
}

// figureOf writes a ratio's number.
func figureOf(x float64) string {
	if x >= 10 {
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.2f", x)
}

// JSON writes the report for programs.
func (r *Report) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	return e.Encode(r)
}
