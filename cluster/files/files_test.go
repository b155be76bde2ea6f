package files

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/braid-cni/braid/cluster"
)

const manifests = `# two documents and a stranger
apiVersion: k8s.cni.cncf.io/v1
kind: NetworkAttachmentDefinition
metadata: {name: neta}
spec:
  config: '{"type":"bridge"}'
---
apiVersion: v1
kind: Service
metadata: {name: neta}
---
apiVersion: v1
kind: Pod
metadata:
  name: web
  namespace: shop
  annotations: {k8s.v1.cni.cncf.io/networks: neta}
`

func folder(t *testing.T, content string) Folder {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "all.yaml"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return New(dir)
}

func TestFolderFindsObjects(t *testing.T) {
	f := folder(t, manifests)
	nad, err := f.NAD(context.Background(), "default", "neta")
	if err != nil || nad.Spec.Config != `{"type":"bridge"}` {
		t.Errorf("got %+v, %v", nad, err)
	}
	pod, err := f.Pod(context.Background(), "shop", "web", "any")
	if err != nil || pod.Annotations["k8s.v1.cni.cncf.io/networks"] != "neta" {
		t.Errorf("got %+v, %v", pod, err)
	}
}

func TestFolderSaysWhatIsMissing(t *testing.T) {
	f := folder(t, manifests)
	for _, err := range []error{
		second(f.NAD(context.Background(), "other", "neta")),
		second(f.Pod(context.Background(), "default", "web", "")),
		second(New(filepath.Join(t.TempDir(), "none")).NAD(context.Background(), "default", "neta")),
		f.PublishStatus(context.Background(), cluster.PodRef{}, ""),
	} {
		if !errors.Is(err, cluster.ErrNotFound) {
			t.Errorf("got %v, want ErrNotFound", err)
		}
	}
}

func TestFolderNamesABrokenFile(t *testing.T) {
	err := second(folder(t, "kind: [").NAD(context.Background(), "default", "neta"))
	if err == nil || errors.Is(err, cluster.ErrNotFound) || !strings.Contains(err.Error(), "all.yaml") {
		t.Errorf("got %v", err)
	}
}

func second[T any](_ T, err error) error { return err }
