package house

import (
	"fmt"
	"go/ast"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Everything, in a table of arrows, lets a folder import all others.
const Everything = "*"

// Arrows names imports that point up: table says for each top-level folder
// (below cmd, for each program) which folders it may import. What those may
// import it may import too. A folder that the table lacks is a complaint.
func (t *Tree) Arrows(table map[string][]string) (complaints []string) {
	for _, dir := range t.folders() {
		from := topFolder(dir)
		if _, ok := table[from]; !ok && from != "." {
			complaints = append(complaints, fmt.Sprintf("%s: the folder %q is not in the table of arrows: add it there and in the design", dir, from))
			continue
		}
		allowed := reach(table, from)
		for _, f := range t.dirs[dir] {
			complaints = append(complaints, t.badImports(f, from, allowed)...)
		}
	}
	return complaints
}

func (t *Tree) badImports(f *ast.File, from string, allowed map[string]bool) (complaints []string) {
	for _, spec := range f.Imports {
		to, ours := t.folderOf(spec)
		if !ours || to == from || allowed[to] || allowed[Everything] {
			continue
		}
		complaints = append(complaints, fmt.Sprintf("%s: %s imports %s, may import %s",
			t.at(spec.Pos()), from, to, strings.Join(slices.Sorted(maps.Keys(allowed)), ", ")))
	}
	return complaints
}

// folderOf returns the top folder that an import lies in, if it is ours.
func (t *Tree) folderOf(spec *ast.ImportSpec) (string, bool) {
	name, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		return "", false
	}
	if name == t.module {
		return ".", true
	}
	dir, ours := strings.CutPrefix(name, t.module+"/")
	return topFolder(dir), ours
}

// topFolder is the row of the table that a folder belongs to.
func topFolder(dir string) string {
	parts := strings.Split(dir, "/")
	if parts[0] == "cmd" && len(parts) > 1 {
		return "cmd/" + parts[1]
	}
	return parts[0]
}

// reach follows the table's arrows from a folder.
func reach(table map[string][]string, from string) map[string]bool {
	seen := map[string]bool{}
	var visit func(string)
	visit = func(folder string) {
		for _, to := range table[folder] {
			if !seen[to] {
				seen[to] = true
				visit(to)
			}
		}
	}
	visit(from)
	return seen
}

// Cycle returns a folder that reaches itself, "" when the table has none.
func Cycle(table map[string][]string) string {
	for _, folder := range slices.Sorted(maps.Keys(table)) {
		if reach(table, folder)[folder] {
			return folder
		}
	}
	return ""
}
