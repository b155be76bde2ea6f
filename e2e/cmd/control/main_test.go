package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/braid-cni/braid/bench"
	"github.com/braid-cni/braid/bench/apiserver"
	"github.com/braid-cni/braid/bench/isolated"
	"github.com/braid-cni/braid/bench/report"
	"github.com/braid-cni/braid/bench/suite"
)

// options are the suite's, set by TestMain.
var options = []suite.Options{{}}

// The tests are in a network namespace of their own, as the command is that they start.
func TestMain(m *testing.M) {
	os.Exit(isolated.Main(m, &options[0], func(ctx context.Context, dir string) (suite.Options, error) {
		checkout, err := filepath.Abs("../../..")
		if err != nil {
			return suite.Options{}, err
		}
		o := suite.Options{Dir: dir, Braid: filepath.Join(dir, "bin"), Sections: []string{"cluster"}, Percent: 2,
			Definition: filepath.Join(checkout, "deploy", "crds", "network-attachment-definitions.yaml")}
		if _, err := bench.BuildBraid(ctx, o.Braid); err != nil {
			return o, err
		}
		programs, err := apiserver.Build(ctx, checkout, dir, os.Stderr)
		o.API = &programs
		return o, err
	}))
}

// The benchmark's part with an API server, with few pods: what needs the programs of a cluster.
func TestBenchmark(t *testing.T) {
	o := options[0]
	if o.API == nil {
		t.Fatal("network namespaces need root: run it with sudo")
	}
	o.Say = t.Logf
	measured, err := suite.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	rows := report.Summarize(measured)
	for _, want := range []string{
		"cluster, 3 networks: ADD floor", "cluster, 3 networks: ADD braid", "cluster, 3 networks: DEL braid, status sync",
		"cluster, costs of a pod, 3 networks: ADD: patch pods/status braid", "cluster, costs of a pod, 3 networks: ADD: API requests braid",
		"cluster, costs of a pod, 3 networks: DEL: fsyncs braid", "start-up, 0 pods: STATUS true braid",
		"start-up, 2 pods x 3: STATUS true braid", "start-up, 2 pods x 3: RSS braid", "start-up, 2 pods x 3: goroutines braid",
	} {
		if !slices.ContainsFunc(rows, func(r report.Row) bool {
			return fmt.Sprintf("%s, %s: %s %s", r.Section, r.Case, r.What, r.Subject) == want
		}) {
			t.Errorf("%s is missing", want)
		}
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{nil, {"dance"}} {
		var stderr bytes.Buffer
		err := run(t.Context(), args, strings.NewReader(""), &stderr, &stderr)
		if err == nil || !strings.Contains(stderr.String(), "usage: control") {
			t.Errorf("%q: %v, %s", args, err, stderr.String())
		}
	}
}
