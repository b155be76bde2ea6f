package deploy

import (
	"context"
	"os"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/braid-cni/braid/e2e/cluster"
	"github.com/braid-cni/braid/e2e/suite"
)

func TestPodsGetTheirNetworks(t *testing.T) {
	test := shared.Start(t)
	test.Apply(networks)
	annotations := selecting("neta, netb, lan")
	test.Unchanged(annotations, func(t *suite.Test) {
		pods := t.RunPodOnEach("three", annotations)
		for _, pod := range pods {
			interfaces(t, pod, "eth0", "net1", "net2", "net3")
		}
		t.Exec(pods[0], "ping", "-c", "2", "-W", "5", address(t, pods[1], "eth0"))
	})
}

// What the runtime is told is what the node had before, and nothing of what the agents said is about a right that they lack.
func TestAgentsHaveWhatTheyNeed(t *testing.T) {
	test := shared.Start(t)
	for _, n := range test.Nodes {
		text, err := os.ReadFile(n.Path(conflist))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), `"clusterNetwork": "/etc/cni/net.d"`) {
			t.Errorf("%s does not chain with %s: %s", n.Name, cluster.BridgeConflist, text)
		}
	}
	for _, pod := range agents(test) {
		log, err := kubectl(test.Ctx, test.Cluster, "-n", "braid-system", "logs", pod.Name, "--all-containers")
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(log, "forbidden") || strings.Contains(log, "level=ERROR") {
			t.Errorf("log of %s:\n%s", pod.Name, log)
		}
	}
}

// A change of the ConfigMap reaches the nodes without a restart, and a mistake in it changes nothing but readiness.
func TestConfigurationIsFollowed(t *testing.T) {
	test := shared.Start(t)
	file := test.Nodes[0].Path(conflist)
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		after := *test
		after.Ctx = context.WithoutCancel(test.Ctx)
		configure(&after, "clusterNetwork: auto")
		await(&after, file, string(before))
	})
	configure(test, "clusterNetwork: auto\nstatusPublish: sync\n")
	want := strings.Replace(string(before), `"statusPublish": "async"`, `"statusPublish": "sync"`, 1)
	await(test, file, want)
	for _, n := range test.Nodes {
		if err := n.WaitUses(test.Ctx, conflist); err != nil {
			t.Fatal(err)
		}
	}
	pod := test.RunPodOnEach("sync", selecting(""))[0]
	if text, err := test.Kube.Annotation(test.Ctx, pod.Namespace, pod.Name, statusAnnotation); err != nil || text == "" {
		t.Errorf("the pod runs before its network-status is written: %v", err)
	}
	test.Log("changed; now a mistake")
	configure(test, "clusterNetwork: auto\nstatusPublish: never\n")
	test.Eventually(func() error {
		_, err := kubectl(test.Ctx, test.Cluster, "-n", "braid-system", "wait", "pods", "--all", "--for=condition=Ready=false", "--timeout=20s")
		return err
	})
	if got, err := os.ReadFile(file); err != nil || string(got) != want {
		t.Errorf("a mistake has changed the CNI configuration: %v\n%s", err, got)
	}
}

// configure writes the ConfigMap, and touches the agents so that kubelet brings it to them now.
func configure(t *suite.Test, keys string) {
	t.Helper()
	text := "apiVersion: config.braid.dev/v1alpha1\nkind: AgentConfiguration\n" + keys
	maps := t.Kube.CoreV1().ConfigMaps("braid-system")
	config, err := maps.Get(t.Ctx, "braid-config", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	config.Data["config.yaml"] = text
	if _, err := maps.Update(t.Ctx, config, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	mustKubectl(t, "-n", "braid-system", "annotate", "pods", "--all", "--overwrite", "e2e.braid.dev/configured="+config.ResourceVersion)
}

func await(t *suite.Test, file, want string) {
	t.Helper()
	t.Eventually(func() error {
		got, err := os.ReadFile(file)
		if err == nil && string(got) != want {
			err = errUnlike(got)
		}
		return err
	})
}

type errUnlike string

func (e errUnlike) Error() string { return "the CNI configuration is " + string(e) }

// agents are the agents' pods, one on each node.
func agents(t *suite.Test) []corev1.Pod {
	t.Helper()
	list, err := t.Kube.CoreV1().Pods("braid-system").List(t.Ctx, metav1.ListOptions{LabelSelector: "app.kubernetes.io/component=agent"})
	if err != nil || len(list.Items) != len(t.Nodes) {
		t.Fatalf("%d agents, %v", len(list.Items), err)
	}
	return list.Items
}
