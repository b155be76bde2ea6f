package docs

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
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

// The page of the command line has every command, and no other.
func TestCommandLine(t *testing.T) {
	program := filepath.Join(t.TempDir(), "braidctl")
	build := exec.Command("go", "build", "-tags", "nocluster", "-o", program, "../cmd/braidctl")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build braidctl: %v\n%s", err, out)
	}
	var got []string
	for _, row := range Table(read(t, "docs/user/cli.md"), "braidctl") {
		got = append(got, Code(row[0])...)
	}
	slices.Sort(got)
	want := commands(t, program, "braidctl")
	slices.Sort(want)
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the page has\n%s\nbraidctl has\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// commands are those that the help of a command lists, with those below them.
func commands(t *testing.T, program, name string) (all []string) {
	t.Helper()
	out, err := exec.Command(program, append(strings.Fields(name)[1:], "--help")...).Output()
	if err != nil {
		t.Fatal(err)
	}
	_, list, found := strings.Cut(string(out), "Available Commands:\n")
	if !found || strings.HasSuffix(name, " completion") {
		return []string{name}
	}
	list, _, _ = strings.Cut(list, "\n\n")
	for line := range strings.Lines(list) {
		if command := strings.Fields(line)[0]; command != "help" {
			all = append(all, commands(t, program, name+" "+command)...)
		}
	}
	return all
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
