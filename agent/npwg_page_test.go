package agent

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

//go:generate go test . -run ^TestNPWGPage$ -update

var update = flag.Bool("update", false, "write the page of clauses anew")

const (
	npwgPage = "../docs/design/npwg-conformance.md"
	npwgHead = `# The multi-network standard, clause by clause

The [Kubernetes network custom resource definition de-facto standard](https://github.com/k8snetworkplumbingwg/multi-net-spec),
version 1.3, says how a pod asks for networks and what it gets. Here is every requirement of it, and of the
[Device Information Specification](https://github.com/k8snetworkplumbingwg/device-info-spec) that it refers to (DI), with what
Braid makes of it. The words are Braid's own; the sections are where the standard has its words.

Each row is proved by a test on a fake kernel and on the machine's: it drives the agent as the runtime does, with manifests of
networks and a pod, and looks at the pod's network namespace, at what an executed plugin was given, or at the status. As root,
` + "`go test ./agent -run 'TestNPWG/^16$' -v`" + ` proves clause 16.

| verdict | |
|---|---|
| ✓ | Braid does it |
| differs | Braid does otherwise on purpose; the remark says why, and the proof holds it to that |
| n/a | the clause is not about Braid |
| later | not built yet |

This page is generated from the tests (` + "`go generate ./agent`" + `), and a test compares it with them.

| | section | requirement | verdict | proof | remark |
|---|---|---|---|---|---|
`
)

// TestNPWGPage holds the page to the table of clauses.
func TestNPWGPage(t *testing.T) {
	want := npwgTable()
	if *update {
		if err := os.MkdirAll("../docs/design", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(npwgPage, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(npwgPage)
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != want {
		t.Errorf("%s is out of date: run go generate ./agent", npwgPage)
	}
}

func npwgTable() string {
	var page strings.Builder
	page.WriteString(npwgHead)
	for _, c := range clauses() {
		proof := ""
		if c.prove != nil {
			proof = fmt.Sprintf("`TestNPWG/%d`", c.number)
		}
		fmt.Fprintf(&page, "| %d | %s | %s | %s | %s | %s |\n", c.number, c.section, c.requirement, c.stand, proof, c.remark)
	}
	return page.String()
}
