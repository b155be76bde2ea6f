package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestQuantile(t *testing.T) {
	tests := []struct {
		name   string
		sorted []float64
		q      float64
		want   float64
	}{
		{"one", []float64{7}, 0.99, 7}, {"least", []float64{1, 2, 3}, 0, 1}, {"most", []float64{1, 2, 3}, 1, 3},
		{"median, odd", []float64{1, 2, 3}, 0.5, 2}, {"median, even: the lower one", []float64{1, 2, 3, 4}, 0.5, 2}, {"p99 of few is the largest", []float64{1, 2, 9}, 0.99, 9},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := quantile(tt.sorted, tt.q); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestFigure(t *testing.T) {
	for x, want := range map[float64]string{0: "0", 3: "3", 0.526: "0.53", 2.345: "2.35", 23.45: "23.4", 234.5: "234", 1000: "1000"} {
		if got := figure(x); got != want {
			t.Errorf("%v is written %s, want %s", x, got, want)
		}
	}
}

// latency are measurements of whole milliseconds, in one case.
func latency(of, what, subject string, ms ...float64) Measurement {
	return Measurement{Section: Latency, Case: of, What: what, Subject: subject, Unit: "ms", Values: ms}
}

func example() *Report {
	r := &Report{Kernel: "6.0", CPUs: 2, Go: "go1", Plugins: "v1", Commit: "abc", Date: "2026-01-02", Seconds: 3, Rows: Summarize([]Measurement{
		latency("1 network", Add, Floor, 1, 2, 3), latency("1 network", Add, Reference, 40, 20, 10), latency("1 network", Add, Braid, 5, 4, 6),
		latency(ThreeNetworks, Add, Floor, 4), latency(ThreeNetworks, Add, Braid, 7.5, 6.5, 11.5), latency("1 network", Del, Braid, 9), latency("1 network", Del, Floor),
		{Section: Throughput, Case: Workers(8), What: Add, Subject: Braid, Unit: "pods/s", Values: []float64{119, 130, 125}},
		{Section: Throughput, Case: Workers(1), What: Add, Subject: Braid, Unit: "pods/s", Values: []float64{90, 80, 85}},
	})}
	r.Goals = Judge(r.Rows)
	return r
}

func TestTable(t *testing.T) {
	var table bytes.Buffer
	if err := example().Table(&table); err != nil {
		t.Fatal(err)
	}
	want := `kernel 6.0, 2 CPUs, load before 0.0, go1, reference plugins v1, Braid abc

latency
        case  what    subject  n  median   p99   min-max  unit  of floor  of floor-plus  of reference
   1 network   ADD      floor  3       2     3       1-3    ms     1.00x              -         0.10x
                    reference  3      20    40     10-40    ms     10.0x              -         1.00x
                        braid  3       5     6       4-6    ms     2.50x              -         0.25x
  3 networks   ADD      floor  1       4     4       4-4    ms     1.00x              -             -
                        braid  3    7.50  11.5  6.50-11.5    ms     1.88x              -             -
   1 network   DEL      braid  1       9     9       9-9    ms         -              -             -

throughput
       case  what  subject  n  median  p99  min-max    unit  of floor  of floor-plus  of reference
  8 workers   ADD    braid  3     125  130  119-130  pods/s         -              -             -
   1 worker   ADD    braid  3      85   90    80-90  pods/s         -              -             -
`
	if got := table.String(); strings.Join(strings.Fields(got), " ") != strings.Join(strings.Fields(want), " ") {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestGoals(t *testing.T) {
	var table bytes.Buffer
	if err := example().GoalTable(&table); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"ADD of eth0 and 2 bridge networks, median <= 7 ms 7.50 ms missed",
		"the same, of the floor <= 2.50x 1.88x met",
		"8 workers >= 120 pods/s 125 pods/s met",
		"resident memory then <= 40 MB - not measured",
	} {
		if got := strings.Join(strings.Fields(table.String()), " "); !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, table.String())
		}
	}
}

// Every goal is about rows that the suite measures under the names that the goals know; here, that each can be met and
// missed.
func TestEveryGoal(t *testing.T) {
	rows := func(braid float64) []Row {
		m := func(section, of, what, subject string, value float64) Measurement {
			return Measurement{Section: section, Case: of, What: what, Subject: subject, Values: []float64{value}}
		}
		return Summarize([]Measurement{
			m(Latency, ThreeNetworks, Add, Braid, 6*braid), m(Latency, ThreeNetworks, Add, Floor, 3), m(Latency, ThreeNetworks, Del, Braid, 25*braid),
			m(Latency, ThreeNetworks, Del, OneLink, 20), m(Throughput, Workers(8), Add, Braid, 130/braid),
			m(Drain, FullNode, Drains, Braid, 60*braid), m(Drain, FullNode, Drains, Floor, 40), m(Drain, FullNode, Drains, Reference, 700),
			m(StartUp, FullNode, Ready, Braid, 500*braid), m(StartUp, FullNode, Memory, Braid, 30*braid),
			m(StartUp, FullNode, Routines, Braid, 40*braid), m(StartUp, EmptyNode, Routines, Braid, 40),
		})
	}
	for _, v := range Judge(rows(1)) {
		if !v.Met {
			t.Errorf("%s: %s with %s", v.Goal, v, v.shown())
		}
	}
	for _, v := range Judge(rows(3)) {
		if v.Met || !v.Measured {
			t.Errorf("%s: %s with %s", v.Goal, v, v.shown())
		}
	}
	for _, v := range Judge(nil) {
		if v.Met || v.Measured || v.String() != "not measured" {
			t.Errorf("%s: %s with nothing measured", v.Goal, v)
		}
	}
}

// What is written can be read again: JSON with its samples, a page that shows both pictures, and these.
func TestWrite(t *testing.T) {
	dir := t.TempDir()
	if err := example().Write(filepath.Join(dir, "report")); err != nil {
		t.Fatal(err)
	}
	read := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join(dir, "report", name))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	var back Report
	if err := json.Unmarshal(read("report.json"), &back); err != nil || len(back.Rows) != 8 || back.Rows[1].Samples[2] != 10 || len(back.Goals) != len(goals()) {
		t.Errorf("%v: %+v", err, back)
	}
	page := string(read("README.md"))
	for _, want := range []string{"](latency.svg)", "](throughput.svg)", "| 7.50 ms | missed |", "### latency\n\n| case |", "| 2026-01-02 | 3 s |", "| 1 network | ADD | floor | 3 | 2 | 3 | 1-3 | ms | 1.00x | - | 0.10x |"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
	for name, words := range map[string][]string{
		"latency.svg":    {"ADD of a pod with 3 networks", "DEL of a pod", "milliseconds", "braid", "floor", ">10<"},
		"throughput.svg": {"ADDs at the same time", "pods a second", "braid", ">32<"},
	} {
		text := string(read(name))
		for _, word := range words {
			if !strings.Contains(text, word) {
				t.Errorf("%s lacks %q", name, word)
			}
		}
		if err := wellFormed(text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func wellFormed(text string) error {
	for d := xml.NewDecoder(strings.NewReader(text)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// A report with nothing measured is still one.
func TestWriteNothing(t *testing.T) {
	if err := new(Report).Write(t.TempDir()); err != nil {
		t.Error(err)
	}
}
