package netattach

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// clauses are those of the standard that this package answers for; the others belong to whoever carries a plan out,
// keeps IPAMClaims, or installs Braid.
var clauses = [...]int{
	2, 3, 5, 6, 7, 9, 10, 11, 12, 13, 14, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37,
	38, 39, 40, 41, 42, 43, 44, 46, 47, 48, 49, 50, 51, 52, 53, 54, 59, 60, 64, 65, 66,
}

// TestEveryClauseIsTested reads the names of the tests: each clause stands in one.
func TestEveryClauseIsTested(t *testing.T) {
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`name: "[^"]*clauses? ([0-9, ]+)|\{"clause ([0-9]+)`)
	tested := map[int]bool{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range named.FindAllStringSubmatch(string(data), -1) {
			for _, number := range strings.FieldsFunc(match[1]+match[2], func(c rune) bool { return c == ',' || c == ' ' }) {
				n, _ := strconv.Atoi(number)
				tested[n] = true
			}
		}
	}
	for _, n := range clauses {
		if !tested[n] {
			t.Errorf("clause %d has no test", n)
		}
	}
}
