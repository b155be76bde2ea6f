package deploy

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
	if refused == "" && err != nil {
		t.Errorf("refused: %v", err)
	}
	if refused != "" && (err == nil || !strings.Contains(err.Error(), refused)) {
		t.Errorf("got %v, want a refusal with %q", err, refused)
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
