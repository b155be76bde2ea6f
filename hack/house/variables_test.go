package house

import "testing"

func TestVariableKinds(t *testing.T) {
	tests := []struct {
		name, decl string
		ok         bool
	}{
		{"error", `var errGone = errors.New("gone")`, true},
		{"exported error", `var ErrGone = errors.New("gone")`, true},
		{"interface check", `var _ I = T{}`, true},
		{"map table", `var m = map[string]netip.Addr{"a": {}}`, true},
		{"slice table", `var s = []int{1}`, true},
		{"named table", "type names []string\nvar n = names{\"a\"}", true},
		{"embedded file", "//go:embed a.txt\nvar text string", true},
		{"counter", `var n int`, false},
		{"empty map", `var m map[string]int`, false},
		{"made map", `var m = make(map[string]int)`, false},
		{"struct", "type c struct{}\nvar d = c{}", false},
		{"pointer to table", `var p = &[]int{1}`, false},
		{"seam", `var now = time.Now`, false},
		{"set by the linker", `var version string`, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := tree(t, "a/a.go", "package a\nimport (\"errors\"; \"net/netip\"; \"time\")\ntype I any\ntype T int\n"+tt.decl+"\n").Variables(nil)
			if ok := len(got) == 0; ok != tt.ok {
				t.Errorf("%s: %q", tt.decl, got)
			}
		})
	}
}

func TestTablesAreNotWrittenTo(t *testing.T) {
	tests := []struct {
		name, body string
		ok         bool
	}{
		{"read", `_ = table["a"]; for k := range table { _ = k }`, true},
		{"local of the same name", `table := map[string]int{}; table["a"] = 1`, true},
		{"replaced", `table = nil`, false},
		{"element set", `table["a"] = 1`, false},
		{"element counted", `table["a"]++`, false},
		{"element deleted", `delete(table, "a")`, false},
		{"cleared", `clear(table)`, false},
		{"address taken", `_ = &table`, false},
		{"address of an element", `_ = &list[0]`, false},
		{"field of an element", `list[0].n = 1`, false},
		{"sorted", `sort.Slice(list, nil)`, false},
		{"sorted anew", `slices.SortFunc(list, nil)`, false},
		{"copied into", `copy(list[1:], list)`, false},
		{"loop variable", `for list[0].n = range 3 {}`, false},
		{"error replaced", `errGone = nil`, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := tree(t,
				"a/a.go", "package a\nvar table = map[string]int{}\nvar list = []struct{ n int }{{1}}\nvar errGone = errors.New(\"\")\n",
				"a/b.go", "package a\nimport (\"slices\"; \"sort\")\nfunc f() { "+tt.body+" }\n").Variables(nil)
			if ok := len(got) == 0; ok != tt.ok {
				t.Errorf("%s: %q", tt.body, got)
			}
		})
	}
}

func TestTableOfAnotherPackageIsNotWrittenTo(t *testing.T) {
	got := tree(t,
		"b/b.go", "package b\nvar Table = map[string]int{}\n",
		"a/a.go", "package a\nimport \"example.org/m/b\"\nfunc f() { b.Table[\"x\"] = 1 }\n").Variables(nil)
	want(t, got, "a/a.go:3: package variable Table is written to")
}

func TestExemptVariables(t *testing.T) {
	const source = "package b\nvar kept, other int\nfunc f() { kept = 1; other = 2 }\n"
	for _, tt := range []struct {
		name   string
		exempt map[string]string
		want   []string
	}{
		{"by folder and name", map[string]string{"a/b.kept": "it must be"}, []string{"a/b/b.go:2: package variable other", "a/b/b.go:3: package variable other"}},
		{"without a reason", map[string]string{"a/b.kept": "", "a/b.other": "it must be"}, []string{"a/b/b.go:2: package variable kept", "a/b/b.go:3: package variable kept"}},
		{"no longer there", map[string]string{"a/b.kept": "it must be", "a/b.other": "so must it", "a/b.gone": "it was"}, []string{"a/b.gone is exempt"}},
		{"a function", map[string]string{"a/b.kept": "it must be", "a/b.other": "so must it", "a/b.f": "it is none"}, []string{"a/b.f is exempt"}},
		{"a folder that is not there", map[string]string{"a/b.kept": "it must be", "a/b.other": "so must it", "c.kept": "no", "kept": "no"}, []string{"c.kept is exempt", "kept is exempt"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want(t, tree(t, "a/b/b.go", source).Variables(tt.exempt), tt.want...)
		})
	}
}
