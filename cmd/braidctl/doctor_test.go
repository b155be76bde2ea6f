package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/braid-cni/braid/doctor"
)

// ill runs the doctor on a host that has nothing, and whose agent is down.
func ill(t *testing.T, args ...string) (string, error) {
	t.Helper()
	dir := t.TempDir()
	var out bytes.Buffer
	err := run(t.Context(), "braidctl", append([]string{"doctor", "--root", dir, "--socket", filepath.Join(dir, "none.sock")}, args...), nil, &out, &out)
	return out.String(), err
}

func TestDoctorTellsHowToMend(t *testing.T) {
	out, err := ill(t)
	if status, said := exitStatus(err); status != 1 || said {
		t.Errorf("exit status %d for %v", status, err)
	}
	for _, want := range []string{
		"CHECK ", "STATE ", "clock ", " ok ",
		"/opt/cni/bin/braid is missing", "\nbinary: /opt/cni/bin/braid is missing\n  restart the node's agent", "none.sock (is braidd running?)",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the output lacks %q:\n%s", want, out)
		}
	}
}

func TestDoctorInJSON(t *testing.T) {
	out, err := ill(t, "-o", "json")
	if err == nil {
		t.Error("no error for faults")
	}
	var found []doctor.Finding
	if err := json.Unmarshal([]byte(out), &found); err != nil {
		t.Fatalf("%v in\n%s", err, out)
	}
	seen := map[string]bool{}
	for _, f := range found {
		seen[f.Check] = true
	}
	if len(seen) != len(doctor.Checks()) {
		t.Errorf("%d checks in the output, want %d", len(seen), len(doctor.Checks()))
	}
}
