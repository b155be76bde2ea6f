package bench

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// took makes measurements of whole milliseconds.
func took(networks int, verb, subject string, ms ...int) Measurement {
	m := Measurement{Networks: networks, Verb: verb, Subject: subject}
	for _, x := range ms {
		m.Took = append(m.Took, time.Duration(x)*time.Millisecond)
	}
	return m
}

func TestQuantile(t *testing.T) {
	tests := []struct {
		name   string
		sorted []float64
		q      float64
		want   float64
	}{
		{"none", nil, 0.5, 0}, {"one", []float64{7}, 0.99, 7}, {"least", []float64{1, 2, 3}, 0, 1}, {"most", []float64{1, 2, 3}, 1, 3},
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

func TestReport(t *testing.T) {
	r := &Report{Kernel: "6.0", CPUs: 2, Plugins: "v1", Commit: "abc", Rows: Summarize([]Measurement{
		took(1, "ADD", "floor", 1, 2, 3), took(1, "ADD", "reference", 40, 20, 10), took(1, "ADD", "braid", 5, 4, 6),
		took(3, "ADD", "floor", 4), took(1, "DEL", "braid", 9),
	})}
	var table, data bytes.Buffer
	if err := r.Table(&table); err != nil {
		t.Fatal(err)
	}
	want := `kernel 6.0, 2 CPUs, reference plugins v1, Braid abc; milliseconds a pod
  networks  verb    subject  pods  median   p99    min-max  of floor  of reference
         1   ADD      floor     3     2.0   3.0    1.0-3.0     1.00x         0.10x
         1   ADD  reference     3    20.0  40.0  10.0-40.0    10.00x         1.00x
         1   ADD      braid     3     5.0   6.0    4.0-6.0     2.50x         0.25x
         3   ADD      floor     1     4.0   4.0    4.0-4.0     1.00x             -
         1   DEL      braid     1     9.0   9.0    9.0-9.0         -             -
`
	if got := table.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if err := r.JSON(&data); err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal(data.Bytes(), &back); err != nil || len(back.Rows) != 5 || back.Rows[1].Samples[2] != 10 {
		t.Errorf("%v: %+v", err, back)
	}
	if !strings.Contains(data.String(), `"medianMs": 20`) {
		t.Errorf("JSON lacks the median: %s", data.String())
	}
}
