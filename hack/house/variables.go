package house

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"strings"
)

// Variables names package variables that hold state or could. Free to stand
// are: the blank identifier; errors; tables (map, slice and array literals);
// and files embedded at build time. None of them may be written to after its
// declaration.
func (t *Tree) Variables() (complaints []string) {
	checked := t.check()
	t.files(func(_ string, f *ast.File) {
		for _, decl := range f.Decls {
			group, ok := decl.(*ast.GenDecl)
			if !ok || group.Tok != token.VAR {
				continue
			}
			for _, spec := range group.Specs {
				complaints = append(complaints, t.badNames(checked, group, spec.(*ast.ValueSpec))...)
			}
		}
		complaints = append(complaints, t.writes(checked, f)...)
	})
	return complaints
}

func (t *Tree) badNames(checked *checked, group *ast.GenDecl, spec *ast.ValueSpec) (complaints []string) {
	for i, name := range spec.Names {
		if name.Name == "_" || isError(name.Name) || isEmbedded(group.Doc, spec.Doc) || checked.isTable(spec, i) {
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
