package suite

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/braid-cni/braid/bench"
	"github.com/braid-cni/braid/bench/isolated"
	"github.com/braid-cni/braid/bench/report"
)

// options are the suite's, set by TestMain.
var options = []Options{{}}

func TestMain(m *testing.M) {
	os.Exit(isolated.Main(m, &options[0], func(ctx context.Context, dir string) (o Options, err error) {
		o = Options{Dir: dir, Braid: filepath.Join(dir, "bin")}
		if _, err := bench.BuildBraid(ctx, o.Braid); err != nil {
			return o, err
		}
		o.Plugins, _, err = bench.BuildPlugins(ctx)
		return o, err
	}))
}

// Every section that needs no API server measures every subject in every case, with one pod each.
func TestRun(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("network namespaces need root")
	}
	o := options[0]
	o.Percent, o.Say = 1, t.Logf
	measured, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, row := range report.Summarize(measured) {
		line := fmt.Sprintf("%s, %s: %s %s", row.Section, row.Case, row.What, row.Subject)
		if slices.Contains(got, line) {
			t.Errorf("%s is there twice", line)
		}
		got = append(got, line)
	}
	for _, want := range expected() {
		if !slices.Contains(got, want) {
			t.Errorf("%s is missing", want)
		}
	}
	if t.Failed() {
		t.Logf("measured:\n%s", strings.Join(got, "\n"))
	}
}

// expected are lines that must be there.
func expected() (lines []string) {
	add := func(section, of, what string, subjects ...string) {
		for _, s := range subjects {
			lines = append(lines, fmt.Sprintf("%s, %s: %s %s", section, of, what, s))
		}
	}
	all := []string{report.Floor, report.FloorPlus, report.Reference, report.Braid}
	three := []string{report.Floor, report.Reference, report.Braid}
	for _, what := range []string{report.Add, report.Del} {
		for _, of := range []string{"1 network", "3 networks", "10 networks"} {
			add("latency", of, what, all...)
		}
		add("first pod", "1 network", what, three...)
		for _, kind := range bench.Kinds() {
			add("plugins", kind.Name, what, three...)
		}
		add("addresses", "host-local", what, report.Reference, report.Braid)
		add("addresses", "static", what, report.Reference, report.Braid)
		add("once", "3 networks", what, report.Floor, report.Reference, bench.OnceName)
		add("fsyncs", "3 networks", what, report.Braid)
	}
	add("latency", "3 networks", "DEL", report.OneLink)
	for _, workers := range []int{1, 4, 8, 32} {
		add("throughput", report.Workers(workers), "ADD", three...)
	}
	for _, workers := range []int{8, 32} {
		add("fsyncs", report.Workers(workers), bench.SyncsAPod, report.Braid)
	}
	add("programs", "a call that is answered at once", "exec to exit", report.Braid)
	add("programs", "VERSION", "exec to exit", "empty Go program", report.Reference, report.Braid)
	add("drain", "1 pods x 3", "start", all...)
	add("drain", "1 pods x 3", "drain", all...)
	for _, of := range []string{"1 pod", "1 pods x 3"} {
		add("agent without a cluster", of, "RSS", report.Braid)
		add("agent without a cluster", of, "goroutines", report.Braid)
	}
	return lines
}

func TestUnknownSection(t *testing.T) {
	_, err := Run(t.Context(), Options{Sections: []string{"tea"}})
	if err == nil || !strings.Contains(err.Error(), `section "tea" is none of latency, `) {
		t.Errorf("error %v", err)
	}
}
