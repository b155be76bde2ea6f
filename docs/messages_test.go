package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Every message that the page quotes is one that the program has: quoted are, in the first column, words in a row.
func TestTroubleshootingQuotesMessages(t *testing.T) {
	have := literals(t)
	quoted := 0
	for _, row := range Table(read(t, "docs/user/troubleshooting.md"), "Troubleshooting") {
		for _, message := range Code(row[0]) {
			if !strings.Contains(message, " ") || strings.HasPrefix(message, "pods/") {
				continue // a word, such as a state or a condition
			}
			quoted++
			if want := variable.ReplaceAllString(message, gap); !strings.Contains(have, strings.Trim(want, gap)) {
				t.Errorf("no message of the program is like %q", message)
			}
		}
	}
	if quoted < 10 {
		t.Errorf("%d messages were found", quoted)
	}
}

const gap = "\x00"

// variable is what a message has different each time: on the page "…", and what stands in quotes; in the program a verb of
// package fmt, in quotes or not.
var variable = regexp.MustCompile(`"?…"?|"[^" ]*"|"?%[-+#.0-9]*[a-zA-Z]"?`)

// literals are the string literals of the program, a line to each.
func literals(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	root := os.DirFS(checkout)
	for _, folder := range []string{"agent", "api", "cluster", "cmd", "delegate", "ipam", "kernel", "netattach", "plugins", "store", "wire"} {
		err := fs.WalkDir(root, folder, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
				return err
			}
			source, err := fs.ReadFile(root, name)
			if err != nil {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, source, 0)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
					if text, err := strconv.Unquote(literal.Value); err == nil {
						all.WriteString(variable.ReplaceAllString(text, gap) + "\n")
					}
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all.String()
}
