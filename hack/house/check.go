package house

import (
	"go/ast"
	"go/types"
	"path"
	"strings"
)

// checked holds what the type checker knows of the tree. Packages from outside
// are empty to it, and what it makes of their names is left aside: only whose
// name a name of ours is, is asked.
type checked struct {
	tree     *Tree
	info     *types.Info
	packages map[string]*types.Package
}

func (t *Tree) check() *checked {
	c := &checked{
		tree:     t,
		info:     &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}},
		packages: map[string]*types.Package{},
	}
	for _, dir := range t.folders() {
		c.load(path.Join(t.module, dir))
	}
	return c
}

// Import is types.Importer.
func (c *checked) Import(name string) (*types.Package, error) {
	return c.load(name), nil
}

func (c *checked) load(name string) *types.Package {
	if p := c.packages[name]; p != nil {
		return p
	}
	files := c.tree.dirs[c.folder(name)]
	if len(files) == 0 {
		c.packages[name] = emptyPackage(name)
		return c.packages[name]
	}
	config := types.Config{Importer: c, FakeImportC: true, Error: func(error) {}}
	p, _ := config.Check(name, c.tree.fset, files, c.info) // errors are expected, see above
	c.packages[name] = p
	return p
}

// folder returns the tree's folder of an import path, "" for those outside.
func (c *checked) folder(name string) string {
	if name == c.tree.module {
		return "."
	}
	dir, _ := strings.CutPrefix(name, c.tree.module+"/")
	if dir == name {
		return ""
	}
	return dir
}

// declares says whether a name such as "cmd/a.name" is that of a package variable.
func (c *checked) declares(name string) bool {
	dot := strings.LastIndexByte(name, '.')
	p := c.packages[path.Join(c.tree.module, name[:max(dot, 0)])]
	return p != nil && ofPackage(p.Scope().Lookup(name[dot+1:])) != nil
}

// emptyPackage stands for one from outside, under the name that its path
// suggests.
func emptyPackage(name string) *types.Package {
	p := types.NewPackage(name, path.Base(name))
	p.MarkComplete()
	return p
}
