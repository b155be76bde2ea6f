// Package docs reads the project's pages, so that tests can hold them to what they say: every command block is run, every
// table of keys is complete, every message that a page quotes is one of the program's.
package docs

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Languages of blocks. A block that is indented, and has no language therefore, holds commands.
const (
	Commands = "sh"
	// Output follows the commands that print it.
	Output = "output"
)

// A Block is a block of code of a page.
type Block struct {
	// Page is its path from the root of the checkout, Line where the block begins, from 1, Heading the heading above it.
	Page    string
	Line    int
	Heading string
	// Above is the paragraph above it.
	Above string
	// Language is that of the fence; empty for a fence that names none.
	Language string
	// Text ends with a newline.
	Text string
	// Output is what the page says that the commands print; empty where it says nothing.
	Output string
}

// String is where the block is: "docs/user/README.md:21".
func (b Block) String() string { return fmt.Sprintf("%s:%d", b.Page, b.Line) }

// Pages are the paths of all pages below root, which is the root of a checkout, in lexical order.
func Pages(root fs.FS) ([]string, error) {
	var pages []string
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") || slices.Contains([]string{"bin", "dist", "testdata"}, d.Name())):
			return fs.SkipDir
		case !d.IsDir() && path.Ext(name) == ".md":
			pages = append(pages, name)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("find the pages: %w", err)
	}
	return pages, nil
}

// Blocks are all blocks of all pages below root.
func Blocks(root fs.FS) ([]Block, error) {
	pages, err := Pages(root)
	if err != nil {
		return nil, err
	}
	var all []Block
	for _, page := range pages {
		text, err := fs.ReadFile(root, page)
		if err != nil {
			return nil, fmt.Errorf("read a page: %w", err)
		}
		blocks := parse(string(text))
		for i := range blocks {
			blocks[i].Page = page
		}
		all = append(all, blocks...)
	}
	return all, nil
}

const indent = "    "

// parse finds the blocks of a page. Pages here have no blocks within lists.
func parse(text string) (blocks []Block) {
	heading, above, previous := "", "", ""
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		b := Block{Line: i + 1, Heading: heading, Above: above}
		switch {
		case strings.HasPrefix(line, "#"):
			heading, above = strings.TrimLeft(line, "# "), ""
		case strings.HasPrefix(line, "```"):
			b.Language = strings.TrimPrefix(line, "```")
			for i++; i < len(lines) && lines[i] != "```"; i++ {
				b.Text += lines[i] + "\n"
			}
			blocks = add(blocks, b)
		case strings.HasPrefix(line, indent) && previous == "":
			b.Language = Commands
			for ; i < len(lines) && (strings.HasPrefix(lines[i], indent) || lines[i] == ""); i++ {
				b.Text += strings.TrimPrefix(lines[i], indent) + "\n"
			}
			i--
			b.Text = strings.TrimRight(b.Text, "\n") + "\n"
			blocks = add(blocks, b)
			line = ""
		case previous == "" && line != "":
			above = line
		case line != "":
			above += "\n" + line
		}
		previous = line
	}
	return blocks
}

// add appends a block; what commands print belongs to the block of these.
func add(blocks []Block, b Block) []Block {
	if last := len(blocks) - 1; b.Language == Output && last >= 0 && blocks[last].Language == Commands {
		blocks[last].Output = b.Text
		return blocks
	}
	return append(blocks, b)
}

// Table returns the rows of the first table below the heading, without its head: a list of cells for each, as they are
// written.
func Table(text, heading string) (rows [][]string) {
	_, text, found := cutHeading(text, heading)
	if !found {
		return nil
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "|"):
			rows = append(rows, cells(line))
		case strings.HasPrefix(line, "#") || len(rows) > 0:
			return below(rows)
		}
	}
	return below(rows)
}

// below are the rows without the head and the line below that.
func below(rows [][]string) [][]string { return rows[min(2, len(rows)):] }

func cutHeading(text, heading string) (before, after string, found bool) {
	at := regexp.MustCompile(`(?m)^#+ ` + regexp.QuoteMeta(heading) + `$`).FindStringIndex(text)
	if at == nil {
		return text, "", false
	}
	return text[:at[0]], text[at[1]:], true
}

func cells(line string) (row []string) {
	for cell := range strings.SplitSeq(strings.Trim(line, "|"), "|") {
		row = append(row, strings.TrimSpace(cell))
	}
	return row
}

// Code returns what stands in backquotes in the text, in order.
func Code(text string) (all []string) {
	for i, part := range strings.Split(text, "`") {
		if i%2 == 1 {
			all = append(all, part)
		}
	}
	return all
}
