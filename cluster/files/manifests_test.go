package files

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	m, err := Parse(strings.NewReader(manifests))
	if err != nil || len(m.Pods) != 1 || len(m.NADs) != 1 || len(m.Others) != 1 {
		t.Fatalf("got %+v, %v", m, err)
	}
	if m.Pods[0].Namespace != "shop" || m.NADs[0].Namespace != "default" || m.Others[0].Kind != "Service" {
		t.Errorf("got %+v", m)
	}
}

func TestParseTellsAllMistakes(t *testing.T) {
	const bad = `# nothing here
---
kind: Pod
metadata: {name: a}
spec: {nodName: n1}
---
kind: [
---
kind: NetworkAttachmentDefinition
metadata: {namespace: x}
---
kind: NetworkAttachmentDefinition
metadata: {name: good}
`
	m, err := Parse(strings.NewReader(bad))
	if err == nil {
		t.Fatal("no mistake was found")
	}
	for _, want := range []string{"document 2: Pod default/a", "nodName", "document 3", "document 4", `name ""`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the mistakes lack %q:\n%v", want, err)
		}
	}
	if len(m.NADs) != 1 || m.NADs[0].Name != "good" {
		t.Errorf("the good one is missing: %+v", m)
	}
}
