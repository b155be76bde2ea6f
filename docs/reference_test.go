package docs

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/braid-cni/braid/api/agentconfig"
)

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(checkout, file))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Every key of AgentConfiguration has its line, with the default of the file that people copy, which has the program's.
// The keys of the CNI configuration and of the annotation are compared in package netattach.
func TestReferenceOfTheConfiguration(t *testing.T) {
	var file map[string]any
	if err := yaml.Unmarshal([]byte(read(t, "deploy/reference.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	defaults := map[string]string{}
	gather(defaults, "", reflect.TypeFor[agentconfig.AgentConfiguration](), file)
	for _, row := range Table(read(t, "docs/user/reference.md"), "Configuration") {
		for _, key := range Code(row[0]) {
			want, known := defaults[key]
			switch {
			case !known:
				t.Errorf("AgentConfiguration has no key %s", key)
			case row[3] != want && row[3] != "required":
				t.Errorf("%s: the default is written as %s, want %s", key, row[3], want)
			}
			delete(defaults, key)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(defaults)) {
		t.Errorf("no line for %s of AgentConfiguration", key)
	}
}

// gather fills in the keys of a struct, with dots, each with its default as the page writes it.
func gather(defaults map[string]string, prefix string, of reflect.Type, file map[string]any) {
	for i := range of.NumField() {
		key, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
		if inner := of.Field(i).Type; inner.Kind() == reflect.Pointer && inner.Elem().Kind() == reflect.Struct {
			content, _ := file[key].(map[string]any)
			gather(defaults, prefix+key+".", inner.Elem(), content)
			continue
		}
		defaults[prefix+key] = written(file[key])
	}
}

func written(value any) string {
	list, isList := value.([]any)
	if !isList || len(list) == 0 {
		return fmt.Sprintf("`%v`", value)
	}
	var entries []string
	for _, entry := range list {
		entries = append(entries, fmt.Sprintf("`%v`", entry))
	}
	return strings.Join(entries, ", ")
}
