package conformance_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/braid-cni/braid/conformance"
)

// Mistakes in the options are told all at once, before anything is made.
func TestMistakes(t *testing.T) {
	_, err := conformance.Run(t.Context(), conformance.Options{
		BinDirs: []string{"/var/lib", "here"}, Config: []byte(`{"type":"a/b"}`), Versions: []string{"0.2.0"}, Steps: []int{18},
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{`"/var/lib" is below`, "here", "has no name", "plugin 0 has no type", `"0.2.0"`, "step 18"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nlacks %q", err, want)
		}
	}
	if _, err := conformance.Run(t.Context(), conformance.Options{BinDirs: []string{t.TempDir()}, Config: []byte("{")}); err == nil {
		t.Error("a configuration that is not JSON is taken")
	}
}

func TestMissingPlugin(t *testing.T) {
	needRoot(t)
	_, err := conformance.Run(t.Context(), conformance.Options{BinDirs: []string{t.TempDir()}, Config: []byte(`{"name":"n","type":"nowhere"}`)})
	if err == nil || !strings.Contains(err.Error(), `"nowhere"`) {
		t.Errorf("%v", err)
	}
}

func TestDaemonThatEnds(t *testing.T) {
	needRoot(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "p"), []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := conformance.Run(t.Context(), conformance.Options{
		BinDirs: []string{dir}, Config: []byte(`{"name":"n","type":"p"}`), Versions: []string{"1.1.0"},
		Daemon: &conformance.Daemon{Command: []string{"sh", "-c", "echo its last words; exit 3"}, Ready: "/run/never"},
	})
	if err == nil || !strings.Contains(err.Error(), "its last words") {
		t.Errorf("%v", err)
	}
}

// A step that does not apply is said to be so, with the reason, and does not fail the plugin.
func TestSkip(t *testing.T) {
	needRoot(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "p"), []byte("#!/bin/sh\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	report, err := conformance.Run(t.Context(), conformance.Options{
		BinDirs: []string{dir}, Config: []byte(`{"name":"n","type":"p"}`), Steps: []int{1, 2}, Skip: map[int]string{1: "no reason"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if one, two, three := report.Steps[0], report.Steps[1], report.Steps[2]; one.Outcome() != conformance.NotApplicable || one.Reasons()[0] != "no reason" ||
		two.Outcome() != conformance.Fail || len(three.Results) != 0 || !report.Failed() {
		t.Errorf("%+v", report)
	}
}
