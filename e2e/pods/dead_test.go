package pods

import (
	"context"
	"maps"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/braid-cni/braid/e2e/cluster"
	"github.com/braid-cni/braid/e2e/install"
	"github.com/braid-cni/braid/e2e/kube"
	"github.com/braid-cni/braid/e2e/probe"
	"github.com/braid-cni/braid/e2e/suite"
)

const (
	deadFor = 60 * time.Second
	// doorWaits is shorter than that, so that doors give up meanwhile and the runtime tries again.
	doorWaits = "10s"
)

// The agents of all nodes are killed while pods exist, and stay away for a minute.
func TestAgentsDeadForAMinute(t *testing.T) {
	test := shared.Start(t)
	applyNetworks(test, map[string]any{"lasting": bridgeNetwork("br-lasting", "10.70.0.0/24", nil)})
	configure(test, keys{"clusterNetwork": cluster.BridgeConflist, "timeout": doorWaits})
	annotations := selecting("lasting")
	test.Unchanged(annotations, func(t *suite.Test) {
		pods := sandboxes(t, t.RunPods(
			kube.Busybox("stays-a", "node1", annotations), kube.Busybox("stays-b", "node1", annotations),
			kube.Busybox("stays-c", "node2", annotations), kube.Busybox("leaves", "node1", annotations),
		)...)
		ways := []way{
			{pods[0], pods[1], "eth0", ip4}, {pods[0], pods[1], "eth0", ip6}, {pods[0], pods[1], "net1", ip4}, {pods[0], pods[2], "eth0", ip4},
		}
		probes := watch(t, ways, deadFor+15*time.Second)
		comes := whileDead(t, pods[3], annotations)
		for _, p := range probes {
			p.lossless(t, int(deadFor/probe.Rarely))
		}
		for _, s := range append(sandboxes(t, running(t, comes)), pods[:3]...) {
			s.agrees(t, "eth0", "net1")
			s.builtIn(t)
		}
	})
	test.Eventually(func() error { return nothingStored(test) })
}

// whileDead kills the agents, lets one pod leave and one come, and lets agents start again a minute later.
func whileDead(t *suite.Test, leaves *sandbox, annotations map[string]string) *corev1.Pod {
	t.Helper()
	t.Cleanup(func() {
		if err := install.Revive(context.WithoutCancel(t.Ctx), t.Cluster); err != nil {
			t.Error(err)
		}
	})
	before := starts(t)
	if err := install.Kill(t.Ctx, t.Cluster); err != nil {
		t.Fatal(err)
	}
	died := time.Now()
	comes := createPod(t, kube.Busybox("comes", "node1", annotations))
	deletePod(t, leaves.pod)
	if message, err := t.Kube.WaitEvent(t.Ctx, comes.Namespace, comes.Name, "the Braid agent on this node did not answer"); err != nil {
		t.Error(err)
	} else {
		t.Logf("of the pod that came meanwhile: %s", message)
	}
	time.Sleep(time.Until(died.Add(deadFor)))
	if now := starts(t); !maps.Equal(before, now) {
		t.Errorf("agents were started meanwhile: %v, before %v", now, before)
	}
	// What the dead agents made is all there: of the pod that is asked to leave, too.
	leaves.run(t, "ip", "link", "show", "dev", "net1")
	if err := install.Revive(t.Ctx, t.Cluster); err != nil {
		t.Fatal(err)
	}
	t.Logf("agents were dead for %s", time.Since(died).Round(time.Second/10))
	if err := t.Kube.WaitGone(t.Ctx, leaves.pod.Namespace, leaves.pod.Name); err != nil {
		t.Error(err)
	}
	return comes
}

// starts says which container each node has, or had last, for its agent: another one after each start.
func starts(t *suite.Test) map[string]string {
	t.Helper()
	pods, err := install.Agents(t.Ctx, t.Cluster)
	if err != nil {
		t.Fatal(err)
	}
	containers := map[string]string{}
	for _, pod := range pods {
		for _, status := range pod.Status.ContainerStatuses {
			containers[pod.Spec.NodeName] = status.ContainerID
		}
	}
	return containers
}
