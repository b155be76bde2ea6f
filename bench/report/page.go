package report

import (
	"fmt"
	"io"
	"strings"
)

// begin is what the page says before any figure.
const begin = `# What Braid takes

Written by ` + "`make bench`" + `: do not edit. [The benchmark's page](../../bench/README.md) says what is measured and how to read it,
[report.json](report.json) has every sample.
`

// pictures shows those that lie beside the page.
const pictures = `
## Pictures

![How the times of ADD and DEL are distributed](latency.svg)

![Pods started a second](throughput.svg)

## Figures

"of floor" and so on are ratios of medians, taken in turn in this run.
`

// Page writes the report as a page that shows the pictures beside it.
func (r *Report) Page(w io.Writer) error {
	var b strings.Builder
	b.WriteString(begin)
	table(&b, []string{"measured on", "took", "kernel", "CPUs", "load before", "Go", "reference plugins", "Kubernetes", "Braid"},
		[][]string{{r.Date, fmt.Sprintf("%.0f s", r.Seconds), r.Kernel, fmt.Sprint(r.CPUs), fmt.Sprintf("%.1f", r.Load), r.Go, r.Plugins, r.Kubernetes, r.Commit}})
	b.WriteString("\n## Goals\n")
	var goals [][]string
	for _, v := range r.Goals {
		goals = append(goals, []string{v.Goal, v.Limit, v.shown(), v.String()})
	}
	table(&b, []string{"goal", "limit", "figure", "is"}, goals)
	b.WriteString(pictures)
	for _, rows := range bySection(r.Rows) {
		fmt.Fprintf(&b, "\n### %s\n", rows[0].Section)
		table(&b, columns(), cells(rows))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// table writes a table of a page. Numbers need not stand below each other there.
func table(b *strings.Builder, head []string, lines [][]string) {
	fmt.Fprintf(b, "\n| %s |\n|%s\n", strings.Join(head, " | "), strings.Repeat("---|", len(head)))
	for _, line := range lines {
		fmt.Fprintf(b, "| %s |\n", strings.Join(line, " | "))
	}
}
