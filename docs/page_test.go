package docs

import (
	"slices"
	"strings"
	"testing"
)

const page = "# One\n\ntext\n\n    first   # a comment\n\n    second\n\n## Two\n\n```sh\nthird\n```\n```output\nit … is\n```\n\n```yaml\na: 1\n```\n" +
	"\n| a | b |\n|---|---|\n| `x`, `y` | z |\n\n1. an item\n    that goes on\n"

func TestParse(t *testing.T) {
	want := []Block{
		{Line: 5, Heading: "One", Above: "text", Language: Commands, Text: "first   # a comment\n\nsecond\n"},
		{Line: 11, Heading: "Two", Language: Commands, Text: "third\n", Output: "it … is\n"},
		{Line: 18, Heading: "Two", Language: "yaml", Text: "a: 1\n"},
	}
	got := parse(page)
	if !slices.Equal(got, want) {
		t.Errorf("got %#v\nwant %#v", got, want)
	}
	if lines := got[0].Lines(); !slices.Equal(lines, []string{"first", "second"}) {
		t.Errorf("commands %q", lines)
	}
}

func TestTable(t *testing.T) {
	rows := Table(page, "Two")
	if len(rows) != 1 || rows[0][1] != "z" || !slices.Equal(Code(rows[0][0]), []string{"x", "y"}) {
		t.Errorf("got %q", rows)
	}
	if rows := Table(page, "Three"); rows != nil {
		t.Errorf("got %q", rows)
	}
}

func TestPlace(t *testing.T) {
	for _, tt := range []struct {
		page, text string
		want       Place
	}{
		{"README.md", "sudo make demo\nsudo make test\n", Checkout},
		{"README.md", "sudo make test\n", ""},
		{"docs/user/x.md", "bin/braidctl lab up\nbraidctl pod show --lab\n", Checkout},
		{"docs/user/x.md", "braidctl pod show\n", Node},
		{"docs/user/x.md", "kubectl get pods\n", Admin},
		{"docs/user/nerdctl.md", "nerdctl ps\nls\n", Nerdctl},
		{"e2e/README.md", "ls\n", Whole},
	} {
		got, err := Block{Page: tt.page, Text: tt.text}.Place()
		if err != nil || got != tt.want {
			t.Errorf("%q in %s: %q, %v; want %q", tt.text, tt.page, got, err, tt.want)
		}
	}
	if _, err := (Block{Text: "kubectl get pods\nmake demo\n"}).Place(); err == nil {
		t.Error("two places in one block were taken")
	}
}

func TestRun(t *testing.T) {
	for _, tt := range []struct{ text, output, want string }{
		{"echo one   two\necho four\n", "one … two\nthree\n", `"three" is printed`},
		{"echo one is two\necho three\n", "one … two\nthree\n", ""},
		{"echo one two three\n", "… two …\n", ""},
		{"echo two\n", "… two …\n", ""},
		{"echo one\n", "two\n", `"two" is printed`},
		{"echo one\necho two\n", "two\none\n", `"one" is printed`},
		{"false\necho one\n", "", "exit status 1"},
		{"echo said >&2; exit 3\n", "", "said"},
	} {
		err := Block{Text: tt.text, Output: tt.output}.Run(t.Context(), nil)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: %v, want %q", tt.text, err, tt.want)
		}
	}
}
