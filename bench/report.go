package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"
	"time"
)

// A Row is one line of the report. Times are in milliseconds.
type Row struct {
	Networks int       `json:"networks"`
	Verb     string    `json:"verb"`
	Subject  string    `json:"subject"`
	Pods     int       `json:"pods"`
	Median   float64   `json:"medianMs"`
	P99      float64   `json:"p99Ms"`
	Min      float64   `json:"minMs"`
	Max      float64   `json:"maxMs"`
	Samples  []float64 `json:"samplesMs"`
	// OfFloor and OfReference are this median divided by theirs, 0 where there is none.
	OfFloor     float64 `json:"ofFloor"`
	OfReference float64 `json:"ofReference"`
}

// A Report is everything measured in one run, and on what.
type Report struct {
	Kernel string `json:"kernel"`
	CPUs   int    `json:"cpus"`
	// Plugins is the version of the reference plugins.
	Plugins string `json:"plugins"`
	// Commit is Braid's, with "-dirty" when files were changed since.
	Commit string `json:"commit"`
	Rows   []Row  `json:"rows"`
}

// Summarize makes rows of measurements, in their order.
func Summarize(measured []Measurement) []Row {
	rows := make([]Row, len(measured))
	for i, m := range measured {
		ms := make([]float64, len(m.Took))
		for j, took := range m.Took {
			ms[j] = float64(took) / float64(time.Millisecond)
		}
		sorted := slices.Sorted(slices.Values(ms))
		rows[i] = Row{Networks: m.Networks, Verb: m.Verb, Subject: m.Subject, Pods: len(ms), Samples: ms,
			Median: quantile(sorted, 0.5), P99: quantile(sorted, 0.99), Min: quantile(sorted, 0), Max: quantile(sorted, 1)}
	}
	for i := range rows {
		rows[i].OfFloor = ratio(rows, rows[i], "floor")
		rows[i].OfReference = ratio(rows, rows[i], "reference")
	}
	return rows
}

// quantile is the nearest-rank quantile of sorted values, 0 for none: a value that was measured, never one between
// two. Of fewer than 100 values the 99th percentile is therefore the largest.
func quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	rank := int(math.Ceil(q * float64(len(sorted))))
	return sorted[max(rank, 1)-1]
}

// ratio divides a row's median by that of a subject under the same conditions.
func ratio(rows []Row, r Row, subject string) float64 {
	for _, other := range rows {
		if other.Subject == subject && other.Verb == r.Verb && other.Networks == r.Networks && other.Median > 0 {
			return r.Median / other.Median
		}
	}
	return 0
}

// Table writes the report for people.
func (r *Report) Table(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "kernel %s, %d CPUs, reference plugins %s, Braid %s; milliseconds a pod\n", r.Kernel, r.CPUs, r.Plugins, r.Commit)
	fmt.Fprintln(t, "networks\tverb\tsubject\tpods\tmedian\tp99\tmin-max\tof floor\tof reference\t")
	for _, row := range r.Rows {
		fmt.Fprintf(t, "%d\t%s\t%s\t%d\t%.1f\t%.1f\t%.1f-%.1f\t%s\t%s\t\n", row.Networks, row.Verb, row.Subject, row.Pods,
			row.Median, row.P99, row.Min, row.Max, times(row.OfFloor), times(row.OfReference))
	}
	return t.Flush()
}

// times writes a ratio.
func times(x float64) string {
	if x == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2fx", x)
}

// JSON writes the report for programs.
func (r *Report) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}
