package kube

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	nadfake "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/client/clientset/versioned/fake"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/braid-cni/braid/cluster"
)

// Every right that the manifests give is used, and none is used that they do not give.
func TestRightsAreThoseThatAreUsed(t *testing.T) {
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1"}, Spec: corev1.NodeSpec{PodCIDRs: []string{"10.0.0.0/24"}}}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "p"}}
	core, nads := fake.NewClientset(node, pod, daemonSet(nil), namespace(nil)), nadfake.NewSimpleClientset()
	core.PrependWatchReactor("*", listFirst)
	nads.PrependWatchReactor("*", listFirst)
	c, i := opened(t, core, nads), installationOf(t, core)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go c.Run(ctx)
	go i.Run(ctx)
	ref := cluster.PodRef{Namespace: "default", Name: "p"}
	_, podErr := c.Pod(ctx, "default", "absent", "")
	_, nadErr := c.NAD(ctx, "default", "absent")
	_, rangesErr := c.PodCIDRs(ctx)
	statusErr := c.PublishStatus(ctx, ref, "[]")
	conditionErr := c.PublishCondition(ctx, cluster.Condition{Type: "A"})
	if !errors.Is(podErr, cluster.ErrNotFound) || !errors.Is(nadErr, cluster.ErrNotFound) || rangesErr != nil || statusErr != nil || conditionErr != nil {
		t.Fatal(podErr, nadErr, rangesErr, statusErr, conditionErr)
	}
	i.Uninstalled(ctx)
	want := grantedRights(t)
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		c.Event(ref, cluster.Event{Reason: "Again", Message: "m"}) // the second one changes the first
		used := usedRights(slices.Concat(core.Actions(), nads.Actions()))
		if slices.Equal(used, want) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("used:\n%s\ngranted:\n%s", strings.Join(used, "\n"), strings.Join(want, "\n"))
		}
	}
}

// usedRights are "verb group/resource/subresource", sorted.
func usedRights(actions []clienttesting.Action) []string {
	used := map[string]bool{}
	for _, a := range actions {
		resource := a.GetResource().Resource
		if a.GetSubresource() != "" {
			resource += "/" + a.GetSubresource()
		}
		used[a.GetVerb()+" "+a.GetResource().Group+"/"+resource] = true
	}
	return slices.Sorted(maps.Keys(used))
}

// grantedRights are those of all roles in the manifests.
func grantedRights(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../../deploy/agent/rbac.yaml")
	if err != nil {
		t.Fatal(err)
	}
	granted := map[string]bool{}
	for documents := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096); ; {
		var role rbacv1.ClusterRole // a Role has the same rules
		if err := documents.Decode(&role); errors.Is(err, io.EOF) {
			return slices.Sorted(maps.Keys(granted))
		} else if err != nil {
			t.Fatal(err)
		}
		for _, rule := range role.Rules {
			for _, resource := range rule.Resources {
				for _, verb := range rule.Verbs {
					granted[verb+" "+rule.APIGroups[0]+"/"+resource] = true
				}
			}
		}
	}
}
