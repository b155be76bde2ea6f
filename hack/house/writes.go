package house

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"strings"
)

// writes names the places of a file that change a package variable, or could:
// assignments to it or into it, its address, sorting it, the builtins that
// change their argument. Changes behind an alias it does not see.
func (t *Tree) writes(c *checked, exempt map[string]string, f *ast.File) (complaints []string) {
	report := func(target ast.Expr) {
		if v := c.packageVariable(target); v != nil && exempt[c.folder(v.Pkg().Path())+"."+v.Name()] == "" {
			complaints = append(complaints, fmt.Sprintf("%s: package variable %s is written to: a table stays as it is declared", t.at(target.Pos()), v.Name()))
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		for _, target := range targets(n) {
			report(target)
		}
		return true
	})
	return complaints
}

// targets returns the expressions that a node writes to.
func targets(n ast.Node) []ast.Expr {
	switch n := n.(type) {
	case *ast.AssignStmt:
		if n.Tok != token.DEFINE {
			return n.Lhs
		}
	case *ast.IncDecStmt:
		return []ast.Expr{n.X}
	case *ast.UnaryExpr:
		if n.Op == token.AND {
			return []ast.Expr{n.X}
		}
	case *ast.RangeStmt:
		if n.Tok == token.ASSIGN {
			return []ast.Expr{n.Key, n.Value}
		}
	case *ast.CallExpr:
		if changesArgument(n.Fun) && len(n.Args) > 0 {
			return n.Args[:1]
		}
	}
	return nil
}

// changesArgument says whether a function is known to change its first
// argument in place.
func changesArgument(fun ast.Expr) bool {
	switch fun := fun.(type) {
	case *ast.Ident:
		return fun.Name == "delete" || fun.Name == "clear" || fun.Name == "copy"
	case *ast.SelectorExpr:
		x, ok := fun.X.(*ast.Ident)
		return ok && (x.Name == "sort" || x.Name == "slices" && (strings.HasPrefix(fun.Sel.Name, "Sort") || fun.Sel.Name == "Reverse"))
	}
	return false
}

// packageVariable returns the package variable that an expression reaches
// into, nil when it is another's or none of ours.
func (c *checked) packageVariable(e ast.Expr) *types.Var {
	switch e := e.(type) {
	case *ast.Ident:
		return ofPackage(c.info.Uses[e])
	case *ast.SelectorExpr:
		if x, ok := e.X.(*ast.Ident); ok {
			if _, imported := c.info.Uses[x].(*types.PkgName); imported {
				return ofPackage(c.info.Uses[e.Sel])
			}
		}
		return c.packageVariable(e.X)
	case *ast.IndexExpr:
		return c.packageVariable(e.X)
	case *ast.SliceExpr:
		return c.packageVariable(e.X)
	case *ast.StarExpr:
		return c.packageVariable(e.X)
	case *ast.ParenExpr:
		return c.packageVariable(e.X)
	}
	return nil
}

func ofPackage(o types.Object) *types.Var {
	v, ok := o.(*types.Var)
	if !ok || v.Pkg() == nil || v.Parent() != v.Pkg().Scope() {
		return nil
	}
	return v
}
