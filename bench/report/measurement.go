// Package report says what the benchmark measured: medians, spreads and ratios, how the project's goals are met, and all
// of it as a table, as JSON, as a page and as pictures.
package report

import (
	"math"
	"slices"
	"time"
)

// The subjects that others are compared with, and Braid as a node has it.
const (
	Floor     = "floor"
	FloorPlus = "floor-plus"
	Reference = "reference"
	Braid     = "braid"
)

// A Measurement is one quantity of one subject: what was measured of whom, under which conditions. Measurements that
// differ in the subject alone were taken in turn and are compared.
type Measurement struct {
	// Section and Case are the conditions: "latency", "3 networks".
	Section, Case string
	// What is the quantity: "ADD", "goroutines".
	What string
	// Subject is whose it is.
	Subject string
	// Unit is that of the values: "ms", "pods/s"; empty for a number of things.
	Unit string
	// Values are the samples in the order in which they were taken.
	Values []float64
}

// Time adds a duration to the samples, in milliseconds.
func (m *Measurement) Time(took time.Duration) {
	m.Values = append(m.Values, float64(took)/float64(time.Millisecond))
}

// A Row is one line of the report.
type Row struct {
	Section string `json:"section"`
	Case    string `json:"case"`
	What    string `json:"what"`
	Subject string `json:"subject"`
	Unit    string `json:"unit,omitempty"`
	// Median, P99, Min and Max are values that were measured, never ones between two.
	Median float64 `json:"median"`
	P99    float64 `json:"p99"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
	// OfFloor, OfFloorPlus and OfReference are this median divided by theirs in the same case; 0 where there is none.
	OfFloor     float64   `json:"ofFloor,omitempty"`
	OfFloorPlus float64   `json:"ofFloorPlus,omitempty"`
	OfReference float64   `json:"ofReference,omitempty"`
	Samples     []float64 `json:"samples"`
}

// Summarize makes rows of measurements, in their order. Those without a sample are left out.
func Summarize(measured []Measurement) (rows []Row) {
	for _, m := range measured {
		if len(m.Values) == 0 {
			continue
		}
		sorted := slices.Sorted(slices.Values(m.Values))
		rows = append(rows, Row{Section: m.Section, Case: m.Case, What: m.What, Subject: m.Subject, Unit: m.Unit, Samples: m.Values,
			Median: quantile(sorted, 0.5), P99: quantile(sorted, 0.99), Min: quantile(sorted, 0), Max: quantile(sorted, 1)})
	}
	for i := range rows {
		r := &rows[i]
		r.OfFloor, r.OfFloorPlus, r.OfReference = r.of(rows, Floor), r.of(rows, FloorPlus), r.of(rows, Reference)
	}
	return rows
}

// quantile is the nearest-rank quantile of sorted values: a value that was measured, never one between two. Of fewer than 100 values the 99th percentile is therefore the largest.
func quantile(sorted []float64, q float64) float64 {
	rank := int(math.Ceil(q * float64(len(sorted))))
	return sorted[max(rank, 1)-1]
}

// of divides the row's median by that of a subject under the same conditions.
func (r *Row) of(rows []Row, subject string) float64 {
	other := find(rows, r.Section, r.Case, r.What, subject)
	if other == nil || other.Median <= 0 {
		return 0
	}
	return r.Median / other.Median
}

// find returns the row of a subject, nil when nothing was measured of it.
func find(rows []Row, section, of, what, subject string) *Row {
	i := slices.IndexFunc(rows, func(r Row) bool {
		return r.Section == section && r.Case == of && r.What == what && r.Subject == subject
	})
	if i < 0 {
		return nil
	}
	return &rows[i]
}

// bySection groups rows, the sections and the rows in each in the order in which they come.
func bySection(rows []Row) (sections [][]Row) {
	for _, r := range rows {
		i := slices.IndexFunc(sections, func(s []Row) bool { return s[0].Section == r.Section })
		if i < 0 {
			sections = append(sections, nil)
			i = len(sections) - 1
		}
		sections[i] = append(sections[i], r)
	}
	return sections
}
