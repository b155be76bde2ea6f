package pods

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/braid-cni/braid/e2e/kube"
	"github.com/braid-cni/braid/e2e/suite"
)

// As a StatefulSet does: a pod is made anew under its old name, with other networks, while the old sandbox goes.
func TestPodMadeAnewUnderItsOldName(t *testing.T) {
	test := shared.Start(t)
	applyNetworks(test, map[string]any{
		"anew-a": bridgeNetwork("br-anew-a", "10.80.0.0/24", nil),
		"anew-b": bridgeNetwork("br-anew-b", "10.81.0.0/24", nil),
	})
	test.Unchanged(selecting("anew-a, anew-b"), func(t *suite.Test) {
		t.Cleanup(func() {
			if err := t.Kube.DeletePods(context.WithoutCancel(t.Ctx), kube.Busybox("anew-0", "", nil)); err != nil {
				t.Error(err)
			}
		})
		for _, networks := range []string{"anew-a", "anew-b", "anew-a, anew-b", "anew-b", "anew-a"} {
			created, err := t.Kube.Create(t.Ctx, kube.Busybox("anew-0", "node1", selecting(networks)))
			if err != nil {
				t.Fatal(err)
			}
			s := sandboxes(t, running(t, created))[0]
			s.selected(t, networks)
			force(t, created)
		}
		t.Eventually(func() error { return nothingStored(t) })
	})
}

// selected checks that the pod has the cluster network and those that its annotation asks for, and no others.
func (s *sandbox) selected(t *suite.Test, networks string) {
	t.Helper()
	want, interfaces := []string{"pods"}, []string{"eth0"}
	for i, name := range strings.Split(networks, ", ") {
		want = append(want, s.pod.Namespace+"/"+name)
		interfaces = append(interfaces, fmt.Sprintf("net%d", i+1))
	}
	var got []string
	for _, a := range s.record.Attachments {
		got = append(got, a.Network)
	}
	if !slices.Equal(got, want) {
		t.Errorf("pod %s has networks %q, want %q", s.pod.UID, got, want)
	}
	s.agrees(t, interfaces...)
}

// nothingStored fails while an agent still knows of a pod.
func nothingStored(t *suite.Test) error {
	for _, n := range t.Nodes {
		if all := records(t, n); len(all) > 0 {
			return errStored
		}
	}
	return nil
}

var errStored = errors.New("an agent still stores a pod")
