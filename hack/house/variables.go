package house

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"maps"
	"slices"
	"strings"
)

// Variables names package variables that hold state or could. Free to stand
// are: the blank identifier; errors; tables (map, slice and array literals);
// and files embedded at build time. None of them may be written to after its
// declaration. exempt says of others why they must be, by folder and name, such
// as "cmd/a.name", and names none that is not there.
func (t *Tree) Variables(exempt map[string]string) (complaints []string) {
	checked := t.check()
	for _, name := range slices.Sorted(maps.Keys(exempt)) {
		if !checked.declares(name) {
			complaints = append(complaints, fmt.Sprintf("%s is exempt and no package variable: strike it off", name))
		}
	}
	t.files(func(dir string, f *ast.File) {
		free := func(name string) bool { return exempt[dir+"."+name] != "" }
		for _, decl := range f.Decls {
			group, ok := decl.(*ast.GenDecl)
			if !ok || group.Tok != token.VAR {
				continue
			}
			for _, spec := range group.Specs {
				complaints = append(complaints, t.badNames(checked, free, group, spec.(*ast.ValueSpec))...)
			}
		}
		complaints = append(complaints, t.writes(checked, exempt, f)...)
	})
	return complaints
}

func (t *Tree) badNames(checked *checked, free func(string) bool, group *ast.GenDecl, spec *ast.ValueSpec) (complaints []string) {
	for i, name := range spec.Names {
		if name.Name == "_" || free(name.Name) || isError(name.Name) || isEmbedded(group.Doc, spec.Doc) || checked.isTable(spec, i) {
			continue
		}
		complaints = append(complaints, fmt.Sprintf("%s: package variable %s: pass the value to who needs it", t.at(name.Pos()), name.Name))
	}
	return complaints
}

func isError(name string) bool {
	return strings.HasPrefix(name, "err") || strings.HasPrefix(name, "Err")
}

func isEmbedded(docs ...*ast.CommentGroup) bool {
	for _, doc := range docs {
		if doc == nil {
			continue
		}
		for _, line := range doc.List {
			if strings.HasPrefix(line.Text, "//go:embed ") {
				return true
			}
		}
	}
	return false
}

// isTable says whether the i-th value of spec is a literal of many values.
func (c *checked) isTable(spec *ast.ValueSpec, i int) bool {
	if len(spec.Values) != len(spec.Names) {
		return false
	}
	literal, ok := spec.Values[i].(*ast.CompositeLit)
	if !ok || c.info.TypeOf(literal) == nil {
		return false
	}
	switch c.info.TypeOf(literal).Underlying().(type) {
	case *types.Map, *types.Slice, *types.Array:
		return true
	}
	return false
}
