package deploy

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/braid-cni/braid/e2e/cluster"
	"github.com/braid-cni/braid/e2e/suite"
)

// Where another CNI renames the file away again and again, it is left alone, and the Node says so until the agent is restarted.
func TestNodeSaysThatTheFileIsContested(t *testing.T) {
	test := shared.Start(t)
	contested, other := test.Nodes[0], test.Nodes[1]
	file := contested.Path(conflist)
	taken := file + ".cilium_bak"
	t.Cleanup(func() { os.Remove(taken) })
	for range 3 {
		test.Eventually(func() error { return os.Rename(file, taken) })
	}
	awaitCondition(test, contested.Name, "False ConflistContested", "renamed to 00-braid.conflist.cilium_bak 3 times")
	awaitCondition(test, contested.Name, "False ConflistContested", filepath.Base(cluster.BridgeConflist)+" is used in its place")
	awaitCondition(test, other.Name, "True ConflistInstalled", conflist)
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("the fight goes on: %v", err)
	}
	all := agents(test)
	i := slices.IndexFunc(all, func(p corev1.Pod) bool { return p.Spec.NodeName == contested.Name })
	if out := mustKubectl(test, "-n", "braid-system", "exec", all[i].Name, "-c", "agent", "--", "braidctl", "node", "show"); !strings.Contains(out, "False, ConflistContested") {
		t.Errorf("braidctl node show:\n%s", out)
	}
	// As the README tells those who remove Braid.
	mustKubectl(test, "patch", "node", contested.Name, "--subresource=status", "-p",
		`{"status":{"conditions":[{"type":"BraidNetworkConfigured","$patch":"delete"}]}}`)
	if got := condition(test, contested.Name); got != nil {
		t.Errorf("after it was taken away: %v", got)
	}
	mustKubectl(test, "-n", "braid-system", "delete", "pod", all[i].Name)
	awaitCondition(test, contested.Name, "True ConflistInstalled", conflist)
	if err := contested.WaitUses(test.Ctx, conflist); err != nil {
		t.Fatal(err)
	}
	mustKubectl(test, "-n", "braid-system", "rollout", "status", "daemonset/braid-agent", "--timeout=90s")
}

// condition is that of a Node, nil where it has none.
func condition(t *suite.Test, node string) *corev1.NodeCondition {
	t.Helper()
	n, err := t.Kube.CoreV1().Nodes().Get(t.Ctx, node, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range n.Status.Conditions {
		if c.Type == "BraidNetworkConfigured" {
			return &c
		}
	}
	return nil
}

// awaitCondition waits for "Status Reason", with that in the message.
func awaitCondition(t *suite.Test, node, want, message string) {
	t.Helper()
	t.Eventually(func() error {
		c := condition(t, node)
		if c == nil {
			return fmt.Errorf("%s has no condition of Braid", node)
		}
		if string(c.Status)+" "+c.Reason != want || !strings.Contains(c.Message, message) {
			return fmt.Errorf("%s has %s %s: %s", node, c.Status, c.Reason, c.Message)
		}
		return nil
	})
}
