package pods

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	nadutils "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/utils"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/braid-cni/braid/e2e/images"
	"github.com/braid-cni/braid/e2e/suite"
)

// examples are the manifests that people are told to apply.
const examples = "../../examples/*.yaml"

// exampleImage is the one that they use, which no registry is asked for here.
const exampleImage = "docker.io/library/busybox:stable"

// Each example is applied as it is: every pod in it starts, with the interfaces that its annotation names.
func TestExamples(t *testing.T) {
	files, err := filepath.Glob(examples)
	if err != nil || len(files) == 0 {
		t.Fatalf("examples: %q, %v", files, err)
	}
	test := shared.Start(t)
	loadExampleImage(test)
	for _, file := range files {
		test.Sub(filepath.Base(file), func(t *suite.Test) { runExample(t, file) })
	}
}

func loadExampleImage(t *suite.Test) {
	t.Helper()
	program, err := exec.LookPath("busybox")
	if err != nil {
		t.Fatal(err)
	}
	img, err := images.Busybox(t.Ctx, program)
	if err != nil {
		t.Fatal(err)
	}
	img.Name = exampleImage
	for _, n := range t.Nodes {
		if err := n.LoadImage(t.Ctx, img); err != nil {
			t.Fatal(err)
		}
	}
}

func runExample(t *suite.Test, file string) {
	manifest, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	example := func(t *suite.Test) {
		for _, s := range sandboxes(t, appliedPods(t, string(manifest))...) {
			s.agrees(t, asked(t, s.pod)...)
		}
	}
	t.UnchangedAfter(example, example)
}

// appliedPods applies a manifest for the time of the test, and returns its pods when they run.
func appliedPods(t *suite.Test, manifest string) []*corev1.Pod {
	t.Helper()
	var pods []*corev1.Pod
	t.Cleanup(func() {
		if err := t.Kube.DeletePods(context.WithoutCancel(t.Ctx), pods...); err != nil {
			t.Error(err)
		}
	})
	t.Apply(manifest)
	list, err := t.Kube.CoreV1().Pods(metav1.NamespaceDefault).List(t.Ctx, metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(list.Items) == 0 {
		t.Fatal("the example has no pod")
	}
	for i := range list.Items {
		pods = append(pods, &list.Items[i])
	}
	for i, pod := range pods {
		pods[i] = running(t, pod)
	}
	return pods
}

// asked are the interfaces that a pod should have, sorted, as the standard's own library reads its annotation.
func asked(t *suite.Test, pod *corev1.Pod) []string {
	t.Helper()
	elements, err := nadutils.ParsePodNetworkAnnotation(pod)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"eth0"}
	for i, e := range elements {
		if e.InterfaceRequest == "" {
			e.InterfaceRequest = fmt.Sprintf("net%d", i+1)
		}
		names = append(names, e.InterfaceRequest)
	}
	slices.Sort(names)
	return names
}
