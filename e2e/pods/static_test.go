package pods

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/braid-cni/braid/e2e/kube"
	"github.com/braid-cni/braid/e2e/suite"
)

// A static pod is a file of the node. The runtime knows it by the file's hash, the API server by a mirror object with a
// UID of its own.
func TestStaticPod(t *testing.T) {
	test := shared.Start(t)
	applyNetworks(test, map[string]any{"static": bridgeNetwork("br-static", "10.83.0.0/24", nil)})
	annotations := selecting("static")
	test.Unchanged(annotations, func(t *suite.Test) {
		node := t.Nodes[0]
		file := filepath.Join(node.StaticPods(), "static.json")
		if err := os.WriteFile(file, []byte(manifest(t, kube.Busybox("static", "", annotations))), 0o644); err != nil {
			t.Fatal(err)
		}
		mirror := kube.Busybox("static-"+node.Name, node.Name, nil)
		t.Cleanup(func() {
			if err := os.Remove(file); err != nil {
				t.Error(err)
			}
			if err := t.Kube.WaitGone(context.WithoutCancel(t.Ctx), mirror.Namespace, mirror.Name); err != nil {
				t.Error(err)
			}
		})
		t.Eventually(func() error {
			_, err := t.Kube.Annotation(t.Ctx, mirror.Namespace, mirror.Name, selection)
			return err
		})
		s := sandboxes(t, running(t, mirror))[0]
		if hash := s.pod.Annotations["kubernetes.io/config.hash"]; hash == "" || hash == string(s.pod.UID) {
			t.Errorf("the mirror pod has UID %s and hash %q: this is no static pod", s.pod.UID, hash)
		}
		s.agrees(t, "eth0", "net1")
	})
}
