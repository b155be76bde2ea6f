package pods

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/braid-cni/braid/e2e/cluster"
	"github.com/braid-cni/braid/e2e/kube"
	"github.com/braid-cni/braid/e2e/suite"
)

// another is where another CNI writes its configuration.
const another = "/etc/cni/net.d/20-another.conflist"

// Braid is configured and its agent runs before the other CNI is there, which writes its file again and again.
func TestChainedOnAnotherCNIThatComesLate(t *testing.T) {
	test := shared.Start(t)
	configure(test, keys{"clusterNetwork": another})
	removeAfter(test, another)
	test.Sub("appears", runsWhenItAppears)
	test.Unchanged(nil, func(t *suite.Test) {
		ready := readySince(t)
		writers := rewriteAll(t, another)
		all := sandboxes(t, t.RunPods(manyPods(t, "rewritten", 10, nil)...)...)
		for node, times := range writers.stop() {
			if times < 20 {
				t.Errorf("%s: the file was rewritten only %d times while pods started", node, times)
			}
		}
		stillReady(t, ready)
		distinct(t, all, "eth0")
		for _, s := range all {
			if l := s.link(t, "eth0"); l.ips()[0] != s.pod.Status.PodIP || l.MTU != anotherMTU {
				t.Errorf("eth0 of pod %s is %+v, the API server has %s", s.pod.Name, l, s.pod.Status.PodIP)
			}
		}
	})
}

// runsWhenItAppears makes pods, sees that they get no network, and lets the file come: then they run.
func runsWhenItAppears(t *suite.Test) {
	var pods []*corev1.Pod
	for _, n := range t.Nodes {
		pods = append(pods, createPod(t, kube.Busybox("early-"+n.Name, n.Name, nil)))
	}
	time.Sleep(5 * time.Second)
	for _, n := range t.Nodes {
		if links := onNode(t, n, "ip", "link", "show", "type", "veth"); strings.Contains(links, "braid") {
			t.Errorf("%s has links of pods before there is a network: %s", n.Name, links)
		}
		if err := n.WriteFile(another, anotherCNI(0)); err != nil {
			t.Fatal(err)
		}
	}
	for _, pod := range pods {
		s := sandboxes(t, running(t, pod))[0]
		if l := s.link(t, "eth0"); l.MTU != anotherMTU {
			t.Errorf("eth0 of pod %s is not of the other CNI: %+v", pod.Name, l)
		}
	}
}

// readySince waits until each node is ready, and says since when: a node that is not ready for a moment has a later time.
func readySince(t *suite.Test) map[string]time.Time {
	t.Helper()
	if err := t.WaitReady(t.Ctx); err != nil {
		t.Fatal(err)
	}
	since := map[string]time.Time{}
	for _, n := range t.Nodes {
		node, err := t.Kube.CoreV1().Nodes().Get(t.Ctx, n.Name, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range node.Status.Conditions {
			if c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue {
				since[n.Name] = c.LastTransitionTime.Time
			}
		}
	}
	return since
}

// stillReady checks that no node was not ready for a moment.
func stillReady(t *suite.Test, since map[string]time.Time) {
	t.Helper()
	if now := readySince(t); len(now) != len(t.Nodes) || !maps.EqualFunc(since, now, time.Time.Equal) {
		t.Errorf("nodes were ready since %v, and are now since %v", since, now)
	}
}

const anotherMTU = 1450

// anotherCNI is what the other CNI writes. The serial number changes the content and means nothing.
func anotherCNI(serial int) []byte {
	plugin := bridgeNetwork("br-another", "10.60.0.0/24", keys{"isDefaultGateway": true, "mtu": anotherMTU, "serial": serial})
	delete(plugin, "cniVersion")
	content, err := json.MarshalIndent(keys{"cniVersion": "1.0.0", "name": "another", "plugins": []keys{plugin}}, "", "  ")
	if err != nil {
		panic(err) // a test's own literal
	}
	return content
}

func removeAfter(t *suite.Test, path string) {
	t.Cleanup(func() {
		for _, n := range t.Nodes {
			if err := os.Remove(n.Path(path)); err != nil {
				t.Error(err)
			}
		}
	})
}

// A rewriting writes a file of every node again and again, in place and in pieces.
type rewriting struct {
	done  chan struct{}
	mu    sync.Mutex
	times map[string]int
	group sync.WaitGroup
}

func rewriteAll(t *suite.Test, path string) *rewriting {
	r := &rewriting{done: make(chan struct{}), times: map[string]int{}}
	t.Cleanup(func() { r.group.Wait() })
	for _, n := range t.Nodes {
		r.group.Go(func() { r.run(t, n, path) })
	}
	return r
}

func (r *rewriting) run(t *suite.Test, n *cluster.Node, path string) {
	for serial := 1; ; serial++ {
		select {
		case <-r.done:
			return
		case <-t.Ctx.Done():
			return
		case <-time.After(30 * time.Millisecond):
		}
		if err := writeInPieces(n.Path(path), anotherCNI(serial)); err != nil {
			t.Error(err)
			return
		}
		r.mu.Lock()
		r.times[n.Name] = serial
		r.mu.Unlock()
	}
}

// stop ends it and returns how often each node's file was written.
func (r *rewriting) stop() map[string]int {
	close(r.done)
	r.group.Wait()
	return r.times
}

func writeInPieces(path string, content []byte) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	for len(content) > 0 {
		n := min(len(content), 100)
		if _, err := file.Write(content[:n]); err != nil {
			return errors.Join(err, file.Close())
		}
		content = content[n:]
		time.Sleep(5 * time.Millisecond)
	}
	return file.Close()
}

// manyPods are pods that take the nodes in turn.
func manyPods(t *suite.Test, name string, n int, annotations map[string]string) (pods []*corev1.Pod) {
	for i := range n {
		pods = append(pods, kube.Busybox(fmt.Sprintf("%s-%d", name, i), t.Nodes[i%len(t.Nodes)].Name, annotations))
	}
	return pods
}
