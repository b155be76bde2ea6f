package netattach

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/braid-cni/braid/docs"
)

// The page has a line for each key that is read, and none for another.
func TestReferenceIsComplete(t *testing.T) {
	text, err := os.ReadFile("../docs/user/reference.md")
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(string(text), "Of `spec.config` Braid reads")
	config := slices.Concat(slices.Sorted(maps.Keys(new(rawConfig).targets())), []string{"delegates", "multusNamespace"})
	for _, tt := range []struct {
		name string
		rows [][]string
		at   int // the column with the keys
		want []string
	}{
		{"CNI configuration", docs.Table(string(text), "Configuration"), 1, config},
		{"annotation", docs.Table(string(text), "The pod's annotation"), 0, slices.Collect(maps.Keys(new(rawElement).targets()))},
		{"spec.config", docs.Table("# spec.config\n"+list, "spec.config"), 0, guardedKeys(t)},
	} {
		var got []string
		for _, row := range tt.rows {
			for _, key := range docs.Code(row[tt.at]) {
				key, _, _ = strings.Cut(key, ".")
				got = append(got, key)
			}
		}
		slices.Sort(got)
		slices.Sort(tt.want)
		if got, want := strings.Join(slices.Compact(got), " "), strings.Join(slices.Compact(tt.want), " "); got != want {
			t.Errorf("%s: the page has\n%s\nread are\n%s", tt.name, got, want)
		}
	}
}

// guardedKeys are those that the checks of a configuration name to checkSpelling.
func guardedKeys(t *testing.T) (keys []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "conflist.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		if called, ok := call.Fun.(*ast.SelectorExpr); !ok || called.Sel.Name != "checkSpelling" {
			return true
		}
		for _, arg := range call.Args {
			if literal, ok := arg.(*ast.BasicLit); ok {
				key, err := strconv.Unquote(literal.Value)
				if err != nil {
					t.Fatal(err)
				}
				keys = append(keys, key)
			}
		}
		return true
	})
	return keys
}
