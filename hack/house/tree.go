// Package house checks the rules of the house that no general linter knows:
// how large a function or a file may be, that nothing is hidden in package
// variables and init functions, and which folder may import which.
//
// It looks at code outside tests. Test files, testdata and generated files are
// free.
package house

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// A Tree is the parsed Go source below one folder.
type Tree struct {
	module string
	fset   *token.FileSet
	dirs   map[string][]*ast.File // by folder, "." being the root
}

// Read parses every Go file of fsys, which is the root of the module named.
// Modules nested in it belong to the tree: their import paths are taken to
// follow the folders.
func Read(fsys fs.FS, module string) (*Tree, error) {
	t := &Tree{module: module, fset: token.NewFileSet(), dirs: map[string][]*ast.File{}}
	return t, fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && ignored(d.Name()):
			return fs.SkipDir
		case d.IsDir() || path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		return t.add(fsys, name)
	})
}

func ignored(folder string) bool {
	return strings.HasPrefix(folder, ".") || strings.HasPrefix(folder, "_") || folder == "testdata" || folder == "vendor"
}

func (t *Tree) add(fsys fs.FS, name string) error {
	src, err := fs.ReadFile(fsys, name)
	if err != nil {
		return err
	}
	f, err := parser.ParseFile(t.fset, name, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return fmt.Errorf("parse %s: %w", name, err)
	}
	if !ast.IsGenerated(f) {
		t.dirs[path.Dir(name)] = append(t.dirs[path.Dir(name)], f)
	}
	return nil
}

// folders returns the tree's folders with Go code, sorted.
func (t *Tree) folders() []string {
	var all []string
	for dir := range t.dirs {
		all = append(all, dir)
	}
	slices.Sort(all)
	return all
}

// files calls visit for every file, in a fixed order.
func (t *Tree) files(visit func(dir string, f *ast.File)) {
	for _, dir := range t.folders() {
		for _, f := range t.dirs[dir] {
			visit(dir, f)
		}
	}
}

// at renders a position as file:line.
func (t *Tree) at(p token.Pos) string {
	pos := t.fset.Position(p)
	return fmt.Sprintf("%s:%d", pos.Filename, pos.Line)
}

func (t *Tree) line(p token.Pos) int { return t.fset.Position(p).Line }
