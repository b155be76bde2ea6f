package bridge

import (
	"os"
	"reflect"
	"strings"
	"testing"
)

// TestReadmeFields fails when a field is added and not described.
func TestReadmeFields(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	raw := reflect.TypeFor[rawConfig]()
	outside := []string{"cniVersion", "name", "prevResult", "args", "runtimeConfig"}
	for i := range raw.NumField() {
		name := raw.Field(i).Tag.Get("json")
		if strings.Contains(strings.Join(outside, " "), name) {
			continue
		}
		if !strings.Contains(string(text), "\n| `"+name+"` | ") {
			t.Errorf("README.md does not describe the field %q", name)
		}
	}
}
