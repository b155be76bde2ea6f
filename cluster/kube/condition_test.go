package kube

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/braid-cni/braid/cluster"
)

func TestConditionIsWrittenWhenItChanges(t *testing.T) {
	since := metav1.NewTime(time.Unix(1e9, 0))
	have := corev1.NodeCondition{
		Type: "A", Status: corev1.ConditionTrue, Reason: "Fine", Message: "m", LastHeartbeatTime: since, LastTransitionTime: since,
	}
	tests := []struct {
		name          string
		want          cluster.Condition
		patches       int
		sameSince     bool
		status, other string
	}{
		{"same", cluster.Condition{Type: "A", Met: true, Reason: "Fine", Message: "m"}, 0, true, "True Fine m", ""},
		{"another message", cluster.Condition{Type: "A", Met: true, Reason: "Fine", Message: "n"}, 1, true, "True Fine n", ""},
		{"another status", cluster.Condition{Type: "A", Reason: "Bad", Message: "n"}, 1, false, "False Bad n", ""},
		{"the first of its type", cluster.Condition{Type: "B", Met: true, Reason: "Fine", Message: "n"}, 1, false, "True Fine n", "True Fine m"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			core := fake.NewClientset(&corev1.Node{
				ObjectMeta: metav1.ObjectMeta{Name: "n1"}, Status: corev1.NodeStatus{Conditions: []corev1.NodeCondition{have}},
			})
			c := opened(t, core, nil)
			defer c.events.Shutdown()
			if err := c.PublishCondition(t.Context(), tt.want); err != nil {
				t.Fatal(err)
			}
			patches := 0
			for _, a := range core.Actions() {
				if a.GetVerb() == "patch" {
					patches++
				}
			}
			node, err := core.CoreV1().Nodes().Get(t.Context(), "n1", metav1.GetOptions{})
			if err != nil || patches != tt.patches {
				t.Fatalf("%d patches, %v", patches, err)
			}
			checkConditions(t, node, map[string]string{tt.want.Type: tt.status, "A": orText(tt.other, tt.status)})
			for _, c := range node.Status.Conditions {
				if string(c.Type) == tt.want.Type && c.LastTransitionTime.Equal(&since) != tt.sameSince {
					t.Errorf("since %v", c.LastTransitionTime)
				}
			}
		})
	}
}

func orText(text, other string) string {
	if text == "" {
		return other
	}
	return text
}

func checkConditions(t *testing.T, node *corev1.Node, want map[string]string) {
	t.Helper()
	if len(node.Status.Conditions) != len(want) {
		t.Errorf("conditions %+v, want %d", node.Status.Conditions, len(want))
	}
	for _, c := range node.Status.Conditions {
		if got := string(c.Status) + " " + c.Reason + " " + c.Message; got != want[string(c.Type)] {
			t.Errorf("%s is %q, want %q", c.Type, got, want[string(c.Type)])
		}
	}
}
