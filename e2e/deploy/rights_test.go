package deploy

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/braid-cni/braid/e2e/suite"
)

// as is a client with nothing but a token.
func as(t *suite.Test, token string) kubernetes.Interface {
	t.Helper()
	config := rest.AnonymousClientConfig(t.Kube.Config)
	config.Proxy, config.QPS, config.BearerToken = t.Kube.Config.Proxy, -1, strings.TrimSpace(token)
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// tokenOf is the token that kubelet gave to the agent of a node.
func tokenOf(t *suite.Test, node int) string {
	t.Helper()
	n := t.Nodes[node]
	all := agents(t)
	i := slices.IndexFunc(all, func(p corev1.Pod) bool { return p.Spec.NodeName == n.Name })
	files, err := filepath.Glob(n.Path("/var/lib/kubelet/pods/" + string(all[i].UID) + "/volumes/kubernetes.io~projected/*/token"))
	if err != nil || len(files) != 1 {
		t.Fatalf("tokens of agent %s: %q, %v", all[i].Name, files, err)
	}
	token, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	return string(token)
}

// TestStatusIsAllThatAnAgentWrites patches pods/status, which the agent has the right to, as the agent of the first node.
func TestStatusIsAllThatAnAgentWrites(t *testing.T) {
	test := shared.Start(t)
	pods := test.RunPodOnEach("victim", map[string]string{"example.org/kept": "1"})
	for _, pod := range pods {
		interfaces(test, pod, "eth0")
	}
	const status, only = `"annotations":{"k8s.v1.cni.cncf.io/network-status":"[]"}`, "own node only"
	tests := []struct {
		name, patch string
		pod         int
		refused     string // empty when it is allowed
	}{
		{"network-status", `{"metadata":{` + status + `}}`, 0, ""},
		{"network-status of another node's pod", `{"metadata":{` + status + `}}`, 1, only},
		{"nothing of another node's pod", `{"metadata":{"labels":{"a":"b"}}}`, 1, only},
		{"label", `{"metadata":{"labels":{"a":"b"}}}`, 0, "labels"},
		{"label beside network-status", `{"metadata":{` + status + `,"labels":{"a":"b"}}}`, 0, "labels"},
		{"another annotation", `{"metadata":{"annotations":{"a":"b"}}}`, 0, "no annotation but"},
		{"another annotation changed", `{"metadata":{"annotations":{"example.org/kept":"2"}}}`, 0, "no annotation but"},
		{"another annotation removed", `{"metadata":{"annotations":{"example.org/kept":null}}}`, 0, "no annotation but"},
		{"finalizer", `{"metadata":{"finalizers":["example.org/wait"]}}`, 0, "finalizers"},
		{"phase", `{"status":{"phase":"Failed"}}`, 0, "status of a pod"},
		{"address", `{"status":{"podIP":"10.9.9.9","podIPs":[{"ip":"10.9.9.9"}]}}`, 0, "status of a pod"},
	}
	agent := as(test, tokenOf(test, 0))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			checkPatch(t, test.Ctx, agent, pods[tt.pod], tt.patch, tt.refused)
		})
	}
	t.Run("token of no node", func(t *testing.T) {
		token, err := test.Kube.CoreV1().ServiceAccounts("braid-system").CreateToken(test.Ctx, "braid-agent", &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		checkPatch(t, test.Ctx, as(test, token.Status.Token), pods[0], `{"metadata":{`+status+`}}`, only)
	})
}

func checkPatch(t *testing.T, ctx context.Context, agent kubernetes.Interface, pod *corev1.Pod, patch, refused string) {
	t.Helper()
	_, err := agent.CoreV1().Pods(pod.Namespace).Patch(ctx, pod.Name, types.MergePatchType, []byte(patch), metav1.PatchOptions{}, "status")
	checkRefusal(t, err, refused)
}

// checkRefusal checks that there was a refusal with that text in it, or none where it is empty.
func checkRefusal(t *testing.T, err error, refused string) {
	t.Helper()
	if refused == "" && err != nil {
		t.Errorf("refused: %v", err)
	}
	if refused != "" && (err == nil || !strings.Contains(err.Error(), refused)) {
		t.Errorf("got %v, want a refusal with %q", err, refused)
	}
}

// TestConditionIsAllThatAnAgentWrites patches nodes/status, which the agent has the right to, as the agent of the first node.
func TestConditionIsAllThatAnAgentWrites(t *testing.T) {
	test := shared.Start(t)
	for _, n := range test.Nodes {
		awaitCondition(test, n.Name, "True ConflistInstalled", conflist)
	}
	const (
		own           = `"conditions":[{"type":"BraidNetworkConfigured","lastHeartbeatTime":"2026-01-01T00:00:00Z"}]`
		only          = "own node only"
		condition     = "no condition but"
		status        = "nothing of a node's status"
		metadata      = "other metadata"
		notReady      = `{"type":"Ready","status":"False","reason":"Down"}`
		networkAbsent = `{"type":"NetworkUnavailable","status":"True"}`
	)
	tests := []struct {
		name, patch string
		node        int
		refused     string // empty when it is allowed
	}{
		{"its condition", `{"status":{` + own + `}}`, 0, ""},
		{"condition of another node", `{"status":{` + own + `}}`, 1, only},
		{"label of another node", `{"metadata":{"labels":{"a":"b"}}}`, 1, only},
		{"another condition", `{"status":{"conditions":[` + notReady + `]}}`, 0, condition},
		{"another condition made", `{"status":{"conditions":[` + networkAbsent + `]}}`, 0, condition},
		{"another condition removed", `{"status":{"conditions":[{"type":"MemoryPressure","$patch":"delete"}]}}`, 0, condition},
		{"capacity", `{"status":{` + own + `,"capacity":{"example.org/dongle":"7"}}}`, 0, status},
		{"allocatable", `{"status":{"allocatable":{"cpu":"1m"}}}`, 0, status},
		{"address", `{"status":{"addresses":[{"type":"ExternalIP","address":"10.9.9.9"}]}}`, 0, status},
		{"kubelet's port", `{"status":{"daemonEndpoints":{"kubeletEndpoint":{"Port":99}}}}`, 0, status},
		{"images", `{"status":{"images":[{"names":["example.org/a:1"]}]}}`, 0, status},
		{"volumes", `{"status":{"volumesAttached":[{"name":"a","devicePath":"/dev/a"}]}}`, 0, status},
		{"label", `{"metadata":{"labels":{"a":"b"}}}`, 0, metadata},
		{"annotation", `{"metadata":{"annotations":{"a":"b"}},"status":{` + own + `}}`, 0, metadata},
		{"finalizer", `{"metadata":{"finalizers":["example.org/wait"]}}`, 0, metadata},
	}
	agent := as(test, tokenOf(test, 0))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := agent.CoreV1().Nodes().Patch(test.Ctx, test.Nodes[tt.node].Name, types.StrategicMergePatchType, []byte(tt.patch), metav1.PatchOptions{}, "status")
			checkRefusal(t, err, tt.refused)
		})
	}
	t.Run("taint", func(t *testing.T) { // which the API server leaves out of a patch of the status
		patch := []byte(`{"spec":{"unschedulable":true}}`)
		node, err := agent.CoreV1().Nodes().Patch(test.Ctx, test.Nodes[0].Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
		if err != nil || node.Spec.Unschedulable {
			t.Errorf("unschedulable %v, %v", node.Spec.Unschedulable, err)
		}
	})
}

// TestEventsAreTheAgentsOwn writes events as the agent of the first node.
func TestEventsAreTheAgentsOwn(t *testing.T) {
	test := shared.Start(t)
	pods := test.RunPodOnEach("told", nil)
	for i, pod := range pods {
		agentHasTold(test, pod, test.Nodes[i].Name)
	}
	agent := as(test, tokenOf(test, 0))
	const own, name, about = "own node only", "own name only", "about pods only"
	tests := []struct {
		name    string
		change  func(*corev1.Event)
		refused string // empty when it is allowed
	}{
		{"its own", func(*corev1.Event) {}, ""},
		{"another node's", func(e *corev1.Event) { e.Source.Host = test.Nodes[1].Name }, own},
		{"reported by another node", func(e *corev1.Event) { e.ReportingInstance = test.Nodes[1].Name }, own},
		{"of no node", func(e *corev1.Event) { e.Source.Host, e.ReportingInstance = "", "" }, own},
		{"another component's", func(e *corev1.Event) { e.Source.Component = "kubelet" }, name},
		{"reported by another component", func(e *corev1.Event) { e.ReportingController = "kubelet" }, name},
		{"about a Secret", func(e *corev1.Event) { e.InvolvedObject.Kind = "Secret" }, about},
	}
	for _, tt := range tests {
		t.Run("create "+tt.name, func(t *testing.T) {
			e := eventOf(test.Nodes[0].Name, pods[0])
			tt.change(e)
			_, err := agent.CoreV1().Events(e.Namespace).Create(test.Ctx, e, metav1.CreateOptions{})
			checkRefusal(t, err, tt.refused)
		})
		t.Run("patch "+tt.name, func(t *testing.T) {
			e := eventOf(test.Nodes[0].Name, pods[0])
			tt.change(e)
			e, err := test.Kube.CoreV1().Events(e.Namespace).Create(test.Ctx, e, metav1.CreateOptions{})
			if err != nil {
				t.Fatal(err)
			}
			_, err = agent.CoreV1().Events(e.Namespace).Patch(test.Ctx, e.Name, types.MergePatchType, []byte(`{"count":2}`), metav1.PatchOptions{})
			checkRefusal(t, err, tt.refused)
		})
	}
	t.Run("turn it to another pod", func(t *testing.T) {
		e, err := agent.CoreV1().Events("default").Create(test.Ctx, eventOf(test.Nodes[0].Name, pods[0]), metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		patch := []byte(`{"involvedObject":{"name":"another"}}`)
		_, err = agent.CoreV1().Events("default").Patch(test.Ctx, e.Name, types.MergePatchType, patch, metav1.PatchOptions{})
		checkRefusal(t, err, about)
	})
}

// agentHasTold waits for the agent's own event about a pod.
func agentHasTold(t *suite.Test, pod *corev1.Pod, node string) {
	t.Helper()
	selector := fields.Set{"involvedObject.uid": string(pod.UID), "source": "braid"}.AsSelector().String()
	t.Eventually(func() error {
		events, err := t.Kube.CoreV1().Events(pod.Namespace).List(t.Ctx, metav1.ListOptions{FieldSelector: selector})
		if err != nil {
			return err
		}
		for _, e := range events.Items {
			if e.Reason == "AddedInterface" && e.Source.Host == node && e.ReportingInstance == node {
				return nil
			}
		}
		return fmt.Errorf("no event of the agent on %s about pod %s", node, pod.Name)
	})
}

// eventOf is an event as the agent of that node writes it.
func eventOf(node string, pod *corev1.Pod) *corev1.Event {
	return &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Namespace: pod.Namespace, GenerateName: pod.Name + "."},
		InvolvedObject: corev1.ObjectReference{Kind: "Pod", APIVersion: "v1", Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID},
		Source:         corev1.EventSource{Component: "braid", Host: node}, ReportingController: "braid", ReportingInstance: node,
		Type: corev1.EventTypeNormal, Reason: "Tested", Message: "m", Count: 1,
	}
}

// TestOtherRightsAreRefused asks for what an agent has no right to at all.
func TestOtherRightsAreRefused(t *testing.T) {
	test := shared.Start(t)
	pod := test.RunPodOnEach("victim", nil)[0]
	agent := as(test, tokenOf(test, 0))
	label := []byte(`{"metadata":{"labels":{"a":"b"}}}`)
	for name, try := range map[string]func() error{
		"change a pod": func() error {
			_, err := agent.CoreV1().Pods("default").Patch(test.Ctx, pod.Name, types.MergePatchType, label, metav1.PatchOptions{})
			return err
		},
		"delete a pod": func() error { return agent.CoreV1().Pods("default").Delete(test.Ctx, pod.Name, metav1.DeleteOptions{}) },
		"change its node": func() error {
			_, err := agent.CoreV1().Nodes().Patch(test.Ctx, pod.Spec.NodeName, types.MergePatchType, label, metav1.PatchOptions{})
			return err
		},
		"change the status of its node as a whole": func() error {
			_, err := agent.CoreV1().Nodes().UpdateStatus(test.Ctx, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: pod.Spec.NodeName}}, metav1.UpdateOptions{})
			return err
		},
		"list events": func() error {
			_, err := agent.CoreV1().Events("default").List(test.Ctx, metav1.ListOptions{})
			return err
		},
		"list nodes": func() error {
			_, err := agent.CoreV1().Nodes().List(test.Ctx, metav1.ListOptions{})
			return err
		},
		"read secrets": func() error {
			_, err := agent.CoreV1().Secrets("braid-system").List(test.Ctx, metav1.ListOptions{})
			return err
		},
		"read its configuration": func() error {
			_, err := agent.CoreV1().ConfigMaps("braid-system").Get(test.Ctx, "braid-config", metav1.GetOptions{})
			return err
		},
		"change its DaemonSet": func() error {
			_, err := agent.AppsV1().DaemonSets("braid-system").Patch(test.Ctx, "braid-agent", types.MergePatchType, label, metav1.PatchOptions{})
			return err
		},
		"list DaemonSets": func() error {
			_, err := agent.AppsV1().DaemonSets("braid-system").List(test.Ctx, metav1.ListOptions{})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			if err := try(); !apierrors.IsForbidden(err) {
				t.Errorf("got %v, want it forbidden", err)
			}
		})
	}
}
