package hostlocal

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// TestReadme runs the README's example and finds what the README says about it.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(readme), "```json\n")
	example, _, ok := strings.Cut(example, "```")
	if !ok {
		t.Fatal("README.md has no example")
	}
	w := newWorld(t)
	if err := os.Mkdir(filepath.Join(w.options.Root, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(w.options.Root, "etc/resolv.conf"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := w.add(t.Context(), "c1", []byte(example), "")
	if err != nil {
		t.Fatal(err)
	}
	for addr := range strings.FieldsSeq(got) {
		if !strings.Contains(string(readme), addr) {
			t.Errorf("the example gives %s, which README.md does not say", addr)
		}
	}
}

// TestReadmeFields finds every field that the configuration has.
func TestReadmeFields(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, raw := range []any{rawIPAM{}, rawRange{}} {
		for _, f := range reflect.VisibleFields(reflect.TypeOf(raw)) {
			if key := f.Tag.Get("json"); key != "name" && !strings.Contains(string(readme), "`"+key+"`") {
				t.Errorf("README.md says nothing of %s", key)
			}
		}
	}
}
