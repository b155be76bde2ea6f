package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

const (
	fuzzRung = "fuzz"
	// fuzzAtOnce is how many targets run side by side, each on one processor.
	fuzzAtOnce = 2
)

// fuzzSteps runs each of the targets for a while, beside what its package's seeds are, which are tests on another rung.
// An input that is new is made smaller only in passing: where the code covered differs from run to run, the go command
// would do nothing else.
func fuzzSteps(targets []selection, each time.Duration) (steps []step) {
	for _, s := range targets {
		for _, name := range s.tests {
			args := test("-run=^$", "-fuzz=^"+name+"$", "-fuzztime="+each.String(), "-fuzzminimizetime=50x", "-parallel=1", "-timeout=0")
			steps = append(steps, step{args: args, packages: []string{s.pkg}})
		}
	}
	return steps
}

// fuzzTargets finds the fuzz targets of the module at root, by folder, in order.
func fuzzTargets(root string) (all []selection, err error) {
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return enter(root, path)
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		names, err := fuzzersIn(path)
		if len(names) == 0 || err != nil {
			return err
		}
		dir, err := filepath.Rel(root, filepath.Dir(path))
		if n := len(all); n > 0 && all[n-1].pkg == "./"+dir {
			all[n-1].tests = append(all[n-1].tests, names...)
		} else {
			all = append(all, selection{pkg: "./" + dir, tests: names})
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look for fuzz targets: %w", err)
	}
	return all, nil
}

// enter leaves out what the go command leaves out, and other modules.
func enter(root, dir string) error {
	if dir == root {
		return nil
	}
	base := filepath.Base(dir)
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	if err == nil || base == "testdata" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") {
		return fs.SkipDir
	}
	return nil
}

func fuzzersIn(path string) (names []string, err error) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	for _, decl := range file.Decls {
		fn, ok := decl.(*ast.FuncDecl)
		if ok && fn.Recv == nil && strings.HasPrefix(fn.Name.Name, "Fuzz") {
			names = append(names, fn.Name.Name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// outran says whether a fuzz target failed for no other reason than that its time was over while an input was being tried,
// which the go command before 1.27 may take for a failure (go.dev/issue/75804). What an input brings about names the input.
func outran(said *locked) bool {
	text := said.text.String()
	return strings.Contains(text, "context deadline exceeded") && !strings.Contains(text, "Failing input") && !strings.Contains(text, "panic:")
}

// executions says how often a fuzz target ran, in its own words, and nothing of a test that is none. Inputs that longer
// runs found are kept in the user's cache and run first, which may take all the time.
func executions(output string) string {
	if all := regexp.MustCompile(`(execs: \d+).*(new interesting: \d+)`).FindAllStringSubmatch(output, -1); len(all) > 0 {
		last := all[len(all)-1]
		return ", " + last[1] + ", " + last[2]
	}
	if all := regexp.MustCompile(`baseline coverage: (\d+/\d+)`).FindAllStringSubmatch(output, -1); len(all) > 0 {
		return ", " + all[len(all)-1][1] + " inputs of earlier runs and nothing new: give it more time, or run go clean -fuzzcache"
	}
	return ""
}
