// Package gate holds Braid to recorded ratios to the bare kernel calls: a change that makes it slower by more than a
// quarter does not pass unseen.
package gate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/braid-cni/braid/bench"
	"github.com/braid-cni/braid/bench/report"
)

const (
	// File is where the record is, from the root of a checkout.
	File = "bench/record.json"
	// growth is by how much a ratio may be greater than the recorded one.
	growth = 1.25
	// attempts is how often is measured before a ratio that has grown is believed: something else may have been running.
	attempts = 5
	// rounds is how many pods of each subject are measured in an attempt.
	rounds = 100
)

// Ratios are medians of Braid divided by the floor's, by what was measured.
type Ratios map[string]float64

// A Job is what the gate needs to measure.
type Job struct {
	// Dir is a folder on the disk to measure, Braid that of the binaries, Record the file of the record.
	Dir, Braid, File string
	// Record writes the record instead of holding Braid to it.
	Record bool
}

// Prepare builds what is measured into dir.
func Prepare(ctx context.Context, dir string) (Job, error) {
	root, err := bench.Checkout(ctx)
	if err != nil {
		return Job{}, err
	}
	j := Job{Dir: dir, Braid: filepath.Join(dir, "bin"), File: filepath.Join(root, File)}
	_, err = bench.BuildBraid(ctx, j.Braid)
	return j, err
}

// Run measures and compares, or records. It must run in network and mount namespaces of its own, and alone on the machine.
// Out is told what was measured. Its error says which ratio has grown, from what to what, and what to do.
func (j Job) Run(ctx context.Context, out io.Writer) error {
	if j.Record {
		return j.record(ctx, out)
	}
	recorded, err := read(j.File)
	if err != nil {
		return err
	}
	best := Ratios{}
	for range attempts {
		now, err := j.measure(ctx)
		if err != nil {
			return err
		}
		best.take(now)
		fmt.Fprintf(out, "of the floor: %s; recorded: %s\n", best, recorded)
		if err = compare(recorded, best); err == nil {
			return nil
		}
	}
	return compare(recorded, best)
}

// record measures as often as the gate may, and writes down what is in the middle. The gate takes the best that it finds: a record
// of the best would leave no room for a machine that is seldom as quiet.
func (j Job) record(ctx context.Context, out io.Writer) error {
	var all []Ratios
	for range attempts {
		now, err := j.measure(ctx)
		if err != nil {
			return err
		}
		all = append(all, now)
		fmt.Fprintf(out, "of the floor: %s\n", now)
	}
	typical := middle(all)
	data, err := json.MarshalIndent(typical.rounded(), "", "  ")
	if err != nil {
		return fmt.Errorf("write the record: %w", err)
	}
	if err := os.WriteFile(j.File, append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("write the record: %w", err)
	}
	fmt.Fprintf(out, "recorded in %s: commit it with nothing else\n", File)
	return nil
}

// measure is one attempt.
func (j Job) measure(ctx context.Context) (_ Ratios, err error) {
	dir, err := os.MkdirTemp(j.Dir, "gate-")
	if err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	if err := bench.MakeFolder(dir); err != nil {
		return nil, err
	}
	pods, err := bench.NewPods(filepath.Join(dir, "netns"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, pods.Close()) }()
	team, err := bench.Gather(ctx, pods, true, bench.NewFloor(3, 0), bench.NewBraid(bench.NewAgent(j.Braid, dir), bench.Plain(), 3))
	defer team.Dismiss()
	if err != nil {
		return nil, err
	}
	measured, err := bench.Rounds{Case: report.ThreeNetworks, Rounds: rounds}.Run(ctx, team)
	if err != nil {
		return nil, err
	}
	return ratios(measured), nil
}

// ratios are those of Braid's rows.
func ratios(measured []report.Measurement) Ratios {
	all := Ratios{}
	for _, row := range report.Summarize(measured) {
		if row.Subject == report.Braid && row.OfFloor > 0 {
			all[row.What+" of "+row.Case] = row.OfFloor
		}
	}
	return all
}

// read reads the record.
func read(file string) (Ratios, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the record: %w", err)
	}
	var recorded Ratios
	if err := json.Unmarshal(data, &recorded); err != nil {
		return nil, fmt.Errorf("read the record %s: %w", file, err)
	}
	return recorded, nil
}

// take keeps the smaller of two ratios.
func (r Ratios) take(other Ratios) {
	for what, ratio := range other {
		if mine, known := r[what]; !known || ratio < mine {
			r[what] = ratio
		}
	}
}

// middle is the median of each ratio.
func middle(all []Ratios) Ratios {
	values, typical := map[string][]float64{}, Ratios{}
	for _, ratios := range all {
		for what, ratio := range ratios {
			values[what] = append(values[what], ratio)
		}
	}
	for what, sorted := range values {
		slices.Sort(sorted)
		typical[what] = sorted[len(sorted)/2]
	}
	return typical
}

// rounded has two decimals: what is recorded is read.
func (r Ratios) rounded() Ratios {
	short := Ratios{}
	for what, ratio := range r {
		short[what] = float64(int(ratio*100+0.5)) / 100
	}
	return short
}

// String is "ADD of 3 networks 2.31x, DEL of 3 networks 1.18x".
func (r Ratios) String() string {
	var parts []string
	for _, what := range slices.Sorted(maps.Keys(r)) {
		parts = append(parts, fmt.Sprintf("%s %.2fx", what, r[what]))
	}
	return strings.Join(parts, ", ")
}

// compare holds ratios to the record. What is in one of them alone is an error too: the record is not of this gate.
func compare(recorded, now Ratios) error {
	var errs []error
	for _, what := range slices.Sorted(maps.Keys(recorded)) {
		ratio, measured := now[what]
		switch {
		case !measured:
			errs = append(errs, fmt.Errorf("%s is in %s and was not measured: record anew", what, File))
		case ratio > recorded[what]*growth:
			errs = append(errs, fmt.Errorf("%s takes %.2f times what the kernel alone takes, in the best of %d attempts; recorded are %.2f, and %.2f would pass: "+
				"find what made it slower (git bisect with go run ./bench/cmd/bench gate), or, where the time is worth it, record it in a commit of its own "+
				"(go run ./bench/cmd/bench gate -record)", what, ratio, attempts, recorded[what], recorded[what]*growth))
		}
	}
	for _, what := range slices.Sorted(maps.Keys(now)) {
		if _, known := recorded[what]; !known {
			errs = append(errs, fmt.Errorf("%s is not in %s: record anew", what, File))
		}
	}
	return errors.Join(errs...)
}
