package pods

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"

	"github.com/braid-cni/braid/e2e/cluster"
	"github.com/braid-cni/braid/e2e/suite"
	"github.com/braid-cni/braid/store"
)

// A sandbox is a pod as its node has it.
type sandbox struct {
	pod    *corev1.Pod
	node   *cluster.Node
	record *store.Container // what the agent stored of it
}

// sandboxes finds the sandboxes of pods that run.
func sandboxes(t *suite.Test, pods ...*corev1.Pod) []*sandbox {
	t.Helper()
	var all []*sandbox
	for _, pod := range pods {
		node := nodeOf(t, pod)
		var found []*store.Container
		for _, c := range records(t, node) {
			if c.Pod.UID == string(pod.UID) {
				found = append(found, c)
			}
		}
		if len(found) != 1 || !found[0].Attached {
			t.Fatalf("the store of %s has for pod %s: %+v, want one attached container", node.Name, pod.Name, found)
		}
		all = append(all, &sandbox{pod: pod, node: node, record: found[0]})
	}
	return all
}

func nodeOf(t *suite.Test, pod *corev1.Pod) *cluster.Node {
	t.Helper()
	for _, n := range t.Nodes {
		if n.Name == pod.Spec.NodeName {
			return n
		}
	}
	t.Fatalf("pod %s is on no node of the cluster: %q", pod.Name, pod.Spec.NodeName)
	return nil
}

// records reads a copy of the agent's store, which the agent itself holds.
func records(t *suite.Test, n *cluster.Node) []*store.Container {
	t.Helper()
	file := filepath.Join(t.TempDir(), "braid.db")
	t.Eventually(func() error { return copyAtRest(n.Path("/var/lib/braid/braid.db"), file) })
	s, err := store.Open(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	containers, err := s.Containers()
	if err != nil {
		t.Fatal(err)
	}
	return containers
}

var errWritten = errors.New("the store is being written all the time")

// copyAtRest copies a store that nobody wrote to meanwhile.
func copyAtRest(from, to string) error {
	db, log, err := readStore(from)
	if err != nil {
		return err
	}
	again, logAgain, err := readStore(from)
	if err != nil {
		return err
	}
	if !bytes.Equal(db, again) || !bytes.Equal(log, logAgain) {
		return errWritten
	}
	return errors.Join(os.WriteFile(to, db, 0o600), os.WriteFile(store.LogPath(to), log, 0o600))
}

func readStore(path string) (db, log []byte, err error) {
	if db, err = os.ReadFile(path); err == nil {
		log, err = os.ReadFile(store.LogPath(path))
	}
	return db, log, err
}

// run runs a program of the node in the pod's network namespace.
func (s *sandbox) run(t *suite.Test, argv ...string) string {
	t.Helper()
	return onNode(t, s.node, append(s.enter(), argv...)...)
}

func (s *sandbox) enter() []string { return []string{"nsenter", "--net=" + s.record.Netns, "--"} }

// onNode runs a command on a node and returns what it wrote.
func onNode(t *suite.Test, n *cluster.Node, argv ...string) string {
	t.Helper()
	out, err := n.Exec(t.Ctx, argv...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
