package lab

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func planOf(t *testing.T, nodes int, manifest string) (*plan, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "m.yaml")
	if err := os.WriteFile(path, []byte(manifest), 0o600); err != nil {
		t.Fatal(err)
	}
	return newPlan(Options{Nodes: nodes, Manifests: []string{path}})
}

func TestPlacement(t *testing.T) {
	p, err := planOf(t, 2, `kind: Pod
metadata: {name: a, labels: {app: a}}
---
kind: Pod
metadata: {name: fixed, namespace: other}
spec: {nodeName: node-2}
---
kind: Pod
metadata: {name: beside-a}
spec:
  affinity: {podAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [
    {topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app: a}}}]}}
---
kind: Pod
metadata: {name: b}
---
kind: Pod
metadata: {name: c}
`)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, pod := range p.pods {
		got = append(got, pod.String()+" "+pod.Node)
	}
	want := []string{"default/a node-1", "other/fixed node-2", "default/beside-a node-1", "default/b node-2", "default/c node-1"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestPlanTellsAllMistakes(t *testing.T) {
	_, err := planOf(t, 1, `kind: Pod
metadata: {name: a}
spec: {nodeName: node-7}
---
kind: Pod
metadata: {name: a}
---
kind: Deployment
metadata: {name: d}
---
kind: Service
metadata: {name: fine}
---
kind: Pod
metadata: {name: typo}
specs: {}
---
kind: NetworkAttachmentDefinition
metadata: {name: twice}
---
kind: NetworkAttachmentDefinition
metadata: {name: twice}
`)
	if err == nil {
		t.Fatal("no mistake was found")
	}
	for _, want := range []string{
		`Pod default/a: spec.nodeName "node-7"`, "Pod default/a is there twice", "Deployment default/d", `unknown field "specs"`,
		"NetworkAttachmentDefinition default/twice is there twice",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the mistakes lack %q:\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), "Service") {
		t.Errorf("a Service is none of the laboratory's business:\n%v", err)
	}
}
