package deploy

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/braid-cni/braid/e2e/cluster"
	"github.com/braid-cni/braid/e2e/install"
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
		text := read(test, n.Path(conflist))
		if !strings.Contains(text, `"clusterNetwork": "/etc/cni/net.d"`) {
			t.Errorf("%s does not chain with %s: %s", n.Name, cluster.BridgeConflist, text)
		}
	}
	for _, pod := range agents(test) {
		log, err := install.Kubectl(test.Ctx, test.Cluster, "-n", "braid-system", "logs", pod.Name, "--all-containers")
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
	before := read(test, file)
	original, err := install.Configuration(test.Ctx, test.Cluster)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := install.Configure(context.WithoutCancel(test.Ctx), test.Cluster, original); err != nil {
			t.Error(err)
		}
		if after := read(test, file); after != before {
			t.Errorf("with the first configuration again, the CNI configuration is %s", after)
		}
	})
	if err := install.Configure(test.Ctx, test.Cluster, configuration(test, "sync")); err != nil {
		t.Fatal(err)
	}
	want := strings.Replace(before, `"statusPublish": "async"`, `"statusPublish": "sync"`, 1)
	if got := read(test, file); got != want {
		t.Errorf("the CNI configuration is %s", got)
	}
	pod := test.RunPodOnEach("sync", selecting(""))[0]
	if text, err := test.Kube.Annotation(test.Ctx, pod.Namespace, pod.Name, statusAnnotation); err != nil || text == "" {
		t.Errorf("the pod runs before its network-status is written: %v", err)
	}
	test.Log("changed; now a mistake")
	if err := install.Deliver(test.Ctx, test.Cluster, configuration(test, "never")); err != nil {
		t.Fatal(err)
	}
	mustKubectl(test, "-n", install.Namespace, "wait", "pods", "--all", "--for=condition=Ready=false", "--timeout=30s")
	if got := read(test, file); got != want {
		t.Errorf("a mistake has changed the CNI configuration: %s", got)
	}
}

func configuration(t *suite.Test, statusPublish string) string {
	t.Helper()
	text, err := install.Text(map[string]any{"clusterNetwork": "auto", "statusPublish": statusPublish})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func read(t *suite.Test, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
