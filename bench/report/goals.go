package report

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// The sections, cases and quantities that goals are about.
const (
	Latency    = "latency"
	Throughput = "throughput"
	Drain      = "drain"
	StartUp    = "start-up"

	ThreeNetworks = "3 networks"
	FullNode      = "110 pods x 3"
	EmptyNode     = "0 pods"

	Add      = "ADD"
	Del      = "DEL"
	Drains   = "drain"
	Ready    = "STATUS true"
	Memory   = "RSS"
	Routines = "goroutines"

	// OneLink is the floor of a pod with a single network, measured in turn with those of three.
	OneLink = "floor of one link"
)

// Workers is the case in which so many pods start at the same time.
func Workers(n int) string {
	if n == 1 {
		return "1 worker"
	}
	return fmt.Sprintf("%d workers", n)
}

// steady is by how many goroutines an idle agent may differ from itself: connections and timers come and go.
const steady = 5

// A goal is a figure that Braid is held to.
type goal struct {
	text string
	// limit is the largest figure that meets the goal, or the smallest if the goal is atLeast.
	limit   float64
	atLeast bool
	unit    string
	figure  func([]Row) (float64, bool)
}

// A Verdict says how a goal is met.
type Verdict struct {
	Goal string `json:"goal"`
	// Limit is as it is written: "<= 7 ms".
	Limit string `json:"limit"`
	// Figure is 0 when it was not Measured.
	Figure   float64 `json:"figure"`
	Unit     string  `json:"unit,omitempty"`
	Measured bool    `json:"measured"`
	Met      bool    `json:"met"`
}

// goals are all of them, in the order in which they are shown.
func goals() []goal {
	add, drain := row(Latency, ThreeNetworks, Add, Braid), row(Drain, FullNode, Drains, Braid)
	return []goal{
		{text: "ADD of eth0 and 2 bridge networks, median", limit: 7, unit: "ms", figure: median(add)},
		{text: "the same, of the floor", limit: 2.5, unit: "x", figure: by(add, row(Latency, ThreeNetworks, Add, Floor))},
		{text: "pods started a second, 3 networks each, 8 workers", limit: 120, atLeast: true, unit: "pods/s",
			figure: median(row(Throughput, Workers(8), Add, Braid))},
		{text: "DEL of 3 networks, median, of the floor of a single link", limit: 1.3, unit: "x",
			figure: by(row(Latency, ThreeNetworks, Del, Braid), row(Latency, ThreeNetworks, Del, OneLink))},
		{text: "drain of 110 pods x 3 networks, faster than the reference plugins", limit: 10, atLeast: true, unit: "x",
			figure: by(row(Drain, FullNode, Drains, Reference), drain)},
		{text: "the same, of one group delete of as many links", limit: 2, unit: "x", figure: by(drain, row(Drain, FullNode, Drains, Floor))},
		{text: "STATUS true after the start with 110 pods and 1,000 NADs", limit: 1000, unit: "ms", figure: median(row(StartUp, FullNode, Ready, Braid))},
		{text: "resident memory then", limit: 40, unit: "MB", figure: median(row(StartUp, FullNode, Memory, Braid))},
		{text: "goroutines then, more than with no pods", limit: steady, figure: more(row(StartUp, FullNode, Routines, Braid), row(StartUp, EmptyNode, Routines, Braid))},
	}
}

// A rowOf finds one row, nil when nothing was measured.
type rowOf func([]Row) *Row

func row(section, of, what, subject string) rowOf {
	return func(rows []Row) *Row { return find(rows, section, of, what, subject) }
}

func median(r rowOf) func([]Row) (float64, bool) {
	return func(rows []Row) (float64, bool) {
		if found := r(rows); found != nil {
			return found.Median, true
		}
		return 0, false
	}
}

// by divides two medians.
func by(a, b rowOf) func([]Row) (float64, bool) {
	return func(rows []Row) (float64, bool) {
		x, y := a(rows), b(rows)
		if x == nil || y == nil || y.Median == 0 {
			return 0, false
		}
		return x.Median / y.Median, true
	}
}

// more is by how much the first median is greater.
func more(a, b rowOf) func([]Row) (float64, bool) {
	return func(rows []Row) (float64, bool) {
		x, y := a(rows), b(rows)
		if x == nil || y == nil {
			return 0, false
		}
		return max(x.Median-y.Median, 0), true
	}
}

// Judge holds rows against the goals.
func Judge(rows []Row) (verdicts []Verdict) {
	for _, g := range goals() {
		figure, measured := g.figure(rows)
		v := Verdict{Goal: g.text, Limit: "<= " + figureWith(g.limit, g.unit), Figure: figure, Unit: g.unit, Measured: measured,
			Met: measured && figure <= g.limit}
		if g.atLeast {
			v.Limit, v.Met = ">= "+figureWith(g.limit, g.unit), measured && figure >= g.limit
		}
		verdicts = append(verdicts, v)
	}
	return verdicts
}

// String is "met", "missed" or "not measured".
func (v Verdict) String() string {
	switch {
	case !v.Measured:
		return "not measured"
	case v.Met:
		return "met"
	}
	return "missed"
}

// shown is the figure as it is written.
func (v Verdict) shown() string {
	if !v.Measured {
		return "-"
	}
	return figureWith(v.Figure, v.Unit)
}

func figureWith(x float64, unit string) string {
	switch unit {
	case "":
		return figure(x)
	case "x":
		return figure(x) + "x"
	}
	return figure(x) + " " + unit
}

// GoalTable writes the goals for people.
func (r *Report) GoalTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "goal\tlimit\tfigure\t")
	for _, v := range r.Goals {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", v.Goal, v.Limit, v.shown(), v)
	}
	return t.Flush()
}
