package report

import (
	"fmt"
	"io"
	"strings"
)

// Page writes the report as a page that shows the pictures beside it.
func (r *Report) Page(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# What Braid takes\n\nWritten by `make bench`: do not edit. [The benchmark's page](../../bench/README.md) says what is measured and how to\n"+
		"read it, [report.json](report.json) has every sample.\n\nMeasured on %s, %s, in %.0f s.\n", r.Date, r, r.Seconds)
	b.WriteString("\n## Goals\n\n| goal | limit | figure | |\n|---|---|---|---|\n")
	for _, v := range r.Goals {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", v.Goal, v.Limit, v.shown(), v)
	}
	b.WriteString("\n## Pictures\n\n![How the times of ADD and DEL are distributed](latency.svg)\n\n![Pods started a second](throughput.svg)\n\n## Figures\n\n" +
		"`of floor` and so on are ratios of medians, taken in turn in this run.\n")
	for _, rows := range bySection(r.Rows) {
		fmt.Fprintf(&b, "\n### %s\n\n```text\n", rows[0].Section)
		if err := section(&b, rows); err != nil {
			return err
		}
		b.WriteString("```\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
