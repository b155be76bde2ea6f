package deploy

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/braid-cni/braid/e2e/kube"
	"github.com/braid-cni/braid/e2e/probe"
	"github.com/braid-cni/braid/e2e/suite"
)

const statusAnnotation = "k8s.v1.cni.cncf.io/network-status"

// networks are two bridges, and one of a plugin that is executed in the host's root, with an IPAM plugin that it executes
// there in its turn.
const networks = `
apiVersion: k8s.cni.cncf.io/v1
kind: NetworkAttachmentDefinition
metadata: {name: neta}
spec: {config: '{"cniVersion":"1.1.0","type":"bridge","bridge":"br-a","ipam":{"type":"host-local","ranges":[[{"subnet":"10.10.0.0/24"}]]}}'}
---
apiVersion: k8s.cni.cncf.io/v1
kind: NetworkAttachmentDefinition
metadata: {name: netb}
spec: {config: '{"cniVersion":"1.1.0","type":"bridge","bridge":"br-b","ipam":{"type":"host-local","ranges":[[{"subnet":"10.11.0.0/24"}]]}}'}
---
apiVersion: k8s.cni.cncf.io/v1
kind: NetworkAttachmentDefinition
metadata: {name: lan}
spec: {config: '{"cniVersion":"1.0.0","type":"macvlan","master":"eth0","ipam":{"type":"host-local","ranges":[[{"subnet":"10.12.0.0/24"}]]}}'}
`

func selecting(names string) map[string]string {
	return map[string]string{"k8s.v1.cni.cncf.io/networks": names}
}

// probing is a pod that can watch the way to another.
func probing(name, node, names string) *corev1.Pod {
	pod := kube.Busybox(name, node, selecting(names))
	pod.Spec.Containers[0].Image = probeImage
	return pod
}

// interfaces checks that a pod has these and no others, each with an address, and that network-status says so.
func interfaces(t *suite.Test, pod *corev1.Pod, names ...string) {
	t.Helper()
	if got := t.Interfaces(pod); !slices.Equal(got, names) {
		t.Errorf("pod %s has %q, want %q", pod.Name, got, names)
	}
	t.Eventually(func() error {
		text, err := t.Kube.Annotation(t.Ctx, pod.Namespace, pod.Name, statusAnnotation)
		if err != nil {
			return err
		}
		var status []struct{ Interface string }
		if err := json.Unmarshal([]byte(text), &status); err != nil || len(status) != len(names) {
			return fmt.Errorf("network-status of pod %s is %q", pod.Name, text)
		}
		return nil
	})
}

// address is a pod's first IPv4 address on an interface.
func address(t *suite.Test, pod *corev1.Pod, dev string) string {
	t.Helper()
	fields := strings.Fields(t.Exec(pod, "ip", "-o", "-4", "address", "show", "dev", dev))
	if len(fields) < 4 {
		t.Fatalf("pod %s has no address on %s: %q", pod.Name, dev, fields)
	}
	ip, _, _ := strings.Cut(fields[3], "/")
	return ip
}

// A watch is a way between two pods that is watched from both ends.
type watch struct {
	name    string
	reports chan outcome
}

type outcome struct {
	report probe.Report
	err    error
}

// begin watches the way between two pods by an interface. finish must be called.
func begin(t *suite.Test, from, to *corev1.Pod, dev string, port int, lasting time.Duration) *watch {
	t.Helper()
	w := &watch{name: from.Name + " to " + to.Name + " by " + dev, reports: make(chan outcome, 2)}
	at := [2]string{
		fmt.Sprintf("%s:%d", address(t, from, dev), port),
		fmt.Sprintf("%s:%d", address(t, to, dev), port),
	}
	for i, pod := range []*corev1.Pod{from, to} {
		go func() {
			out, err := t.Kube.Exec(t.Ctx, pod.Namespace, pod.Name, "probe", "-local", at[i], "-peer", at[1-i], "-for", lasting.String())
			o := outcome{err: err}
			if err == nil {
				o.err = json.Unmarshal([]byte(strings.TrimPrefix(out, "met\n")), &o.report)
			}
			w.reports <- o
		}()
	}
	return w
}

// finish waits for the end and checks that nothing was lost on the way.
func (w *watch) finish(t *suite.Test, atLeast int) {
	t.Helper()
	one, two := <-w.reports, <-w.reports
	for _, o := range []outcome{one, two} {
		if o.err != nil {
			t.Errorf("%s: %v", w.name, o.err)
			return
		}
		t.Logf("%s: %+v", w.name, o.report)
		if e := o.report.Echo; e.Sent < atLeast || e.Lost != 0 || e.Doubled != 0 {
			t.Errorf("%s: echoes %+v, want at least %d and none lost", w.name, e, atLeast)
		}
	}
	if one.report.Stream.Received != two.report.Stream.Sent || two.report.Stream.Received != one.report.Stream.Sent {
		t.Errorf("%s: streams %+v and %+v", w.name, one.report.Stream, two.report.Stream)
	}
}
