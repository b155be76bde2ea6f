package house

import (
	"fmt"
	"go/ast"
)

const (
	maxFunction = 80
	maxFile     = 800
)

// Sizes names functions and files that are too long to be read as one thing.
func (t *Tree) Sizes() (complaints []string) {
	t.files(func(_ string, f *ast.File) {
		if n := t.line(f.FileEnd); n > maxFile {
			complaints = append(complaints, fmt.Sprintf("%s: %d lines, more than %d: split the file by idea", t.at(f.Package), n, maxFile))
		}
		for _, decl := range f.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if n := t.line(fn.End()) - t.line(fn.Pos()) + 1; n > maxFunction {
				complaints = append(complaints, fmt.Sprintf("%s: %s has %d lines, more than %d: split it", t.at(fn.Pos()), fn.Name.Name, n, maxFunction))
			}
		}
	})
	return complaints
}

// Inits names init functions: what a program does must be visible in main.
func (t *Tree) Inits() (complaints []string) {
	t.files(func(_ string, f *ast.File) {
		for _, decl := range f.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				complaints = append(complaints, fmt.Sprintf("%s: init function: call it from where it is needed", t.at(fn.Pos())))
			}
		}
	})
	return complaints
}
