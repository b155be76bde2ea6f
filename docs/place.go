package docs

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// A Place is where a reader is who types a command, and so which test does.
type Place string

// The places.
const (
	// Checkout is the root of a checkout on any Linux machine, as root: package docs.
	Checkout Place = "checkout"
	// Whole is the same with the machine to itself: e2e/docs.
	Whole Place = "whole machine"
	// Admin is the root of a checkout with the KUBECONFIG of a cluster: e2e/docs.
	Admin Place = "admin"
	// Node is a node of a cluster on which Braid is installed: e2e/docs.
	Node Place = "node"
	// Nerdctl is a machine with containerd and nerdctl, and without a cluster: e2e/nerdctl.
	Nerdctl Place = "nerdctl"
)

// unrun are the commands that no test types, with what covers them instead.
var unrun = map[string]string{
	"sudo make test":  "it runs these tests, and is all that .ci/run does on a fresh clone",
	"sudo make bench": "it measures for minutes; the tests of bench measure every subject and section, with fewer pods",
	"sudo go run ./bench/cmd/bench -api=false":                      "as above",
	"sudo go run ./bench/cmd/bench -only latency,drain -percent 20": "as above",
	"sudo go run ./bench/cmd/bench gate":                            "the rung gate of make test is the same",
	"sudo go run ./bench/cmd/bench gate -record":                    "it changes what the rung gate holds Braid to",
}

// Unrun is the table of the commands that no test types, with the reason for each.
func Unrun() map[string]string { return unrun }

// Lines are the commands of a block, without comments, those of the table Unrun left out.
func (b Block) Lines() (lines []string) {
	for line := range strings.Lines(b.Text) {
		line = command(line)
		if _, left := unrun[line]; line != "" && !left {
			lines = append(lines, line)
		}
	}
	return lines
}

// command is a line without its comment.
func command(line string) string {
	line, _, _ = strings.Cut(line, " #")
	return strings.TrimSpace(line)
}

// Place says where a block of commands is typed: one place for all its lines. It is empty for a block of which no test
// types anything.
func (b Block) Place() (Place, error) {
	var places []Place
	for _, line := range b.Lines() {
		if p := b.placeOf(line); !slices.Contains(places, p) {
			places = append(places, p)
		}
	}
	switch len(places) {
	case 0:
		return "", nil
	case 1:
		return places[0], nil
	}
	return "", fmt.Errorf("%s: commands for %q in one block: split it", b, places)
}

func (b Block) placeOf(line string) Place {
	words := strings.Fields(line)
	switch program := path.Base(words[0]); {
	case b.Page == "docs/user/nerdctl.md":
		return Nerdctl
	case strings.HasPrefix(b.Page, "e2e/"):
		return Whole
	case program == "kubectl":
		return Admin
	case program == "braidctl" && !slices.Contains(words, "lab") && !slices.Contains(words, "--lab"):
		return Node
	}
	return Checkout
}

// At are the blocks of commands that are typed at a place, in the order of the pages.
func At(blocks []Block, place Place) (found []Block) {
	for _, b := range blocks {
		if p, err := b.Place(); b.Language == Commands && err == nil && p == place {
			found = append(found, b)
		}
	}
	return found
}
