package pods

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/braid-cni/braid/e2e/kube"
	"github.com/braid-cni/braid/e2e/suite"
)

// A mistake is a network that cannot be had, beside one that can.
type mistake struct {
	name   string
	broken any      // the configuration, nil for a network that does not exist
	says   []string // what the pod's event must contain besides pod, network and interface
}

func mistakes() []mistake {
	taken := bridgeNetwork("eth0", "10.90.3.0/24", nil)
	return []mistake{
		{"unknown", nil, []string{"no such NetworkAttachmentDefinition", "create it"}},
		{"garbled", `{"type": "bridge",`, []string{"spec.config", "broken JSON"}},
		{"pluginless", keys{"cniVersion": "1.1.0", "type": "no-such-plugin"}, []string{`"no-such-plugin"`, "install it there or correct the type"}},
		{"failing", taken, []string{`bridge "eth0"`, "choose another name"}},
	}
}

// Pods with a network that cannot be had do not start, say why, and leave nothing. When the network is mended they start.
func TestNetworksThatCannotBeHad(t *testing.T) {
	test := shared.Start(t)
	applyNetworks(test, map[string]any{"good": bridgeNetwork("br-good", "10.90.0.0/24", nil)})
	for i, m := range mistakes() { // the baseline has what stays of each network
		applyNetworks(test, map[string]any{m.name: mended(i)})
	}
	all := selecting("good, unknown, garbled, pluginless, failing")
	test.Unchanged(all, func(t *suite.Test) {
		baseline := t.Snapshots()
		for _, m := range mistakes() {
			breakNetwork(t, m)
		}
		var pods []*corev1.Pod
		for _, m := range mistakes() {
			pods = append(pods, createPod(t, kube.Busybox("bad-"+m.name, "node1", selecting("good, "+m.name))))
		}
		for i, m := range mistakes() {
			m.saidOf(t, pods[i])
		}
		t.Eventually(func() error { return errors.Join(t.Unlike(baseline), nothingStored(t)) })
		for i, m := range mistakes() {
			t.Apply(nad(m.name, mended(i)))
		}
		for _, pod := range pods {
			sandboxes(t, running(t, pod))[0].agrees(t, "eth0", "net1", "net2")
		}
	})
	test.Eventually(func() error { return nothingStored(test) })
}

// mended is what a broken network should have been.
func mended(i int) keys {
	return bridgeNetwork(fmt.Sprintf("br-mended-%d", i), fmt.Sprintf("10.91.%d.0/24", i), nil)
}

func breakNetwork(t *suite.Test, m mistake) {
	t.Helper()
	var err error
	if m.broken == nil {
		err = t.Kube.Delete(t.Ctx, []byte(nad(m.name, "{}")))
	} else {
		err = t.Kube.Apply(t.Ctx, []byte(nad(m.name, m.broken)))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// saidOf waits for the event of a pod that does not start.
func (m mistake) saidOf(t *suite.Test, pod *corev1.Pod) {
	t.Helper()
	message, err := t.Kube.WaitEvent(t.Ctx, pod.Namespace, pod.Name, "plugin type=\"braid\" failed (add)")
	if err != nil {
		t.Error(err)
		return
	}
	t.Logf("%s: %s", pod.Name, message)
	for _, want := range append(m.says, "pod default/"+pod.Name, "default/"+m.name, "net2") {
		if !strings.Contains(message, want) {
			t.Errorf("the event of pod %s does not say %q: %s", pod.Name, want, message)
		}
	}
}
