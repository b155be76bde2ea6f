package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// Every node holds the agent in its memory, and most of that are pages of the program: clients and kinds of API groups that
// Braid does not use cost more than all that it keeps of pods and networks.
func TestAgentIsSmall(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatalf("list what the agent links: %v", err)
	}
	for _, dep := range needless(strings.Fields(string(out))) {
		t.Errorf("the agent links %s", dep)
	}
}

func TestNeedlessIsSeen(t *testing.T) {
	got := needless([]string{
		"k8s.io/api/core/v1", "k8s.io/api/apps/v1", "k8s.io/api/apps/v1beta1", "k8s.io/api/batch/v1", "k8s.io/apimachinery/pkg/runtime",
		"k8s.io/client-go/kubernetes", "k8s.io/client-go/kubernetes/scheme", "k8s.io/client-go/tools/cache", "k8s.io/client-go/gentype",
		nadClient + "/pkg/apis/k8s.cni.cncf.io/v1", nadClient + "/pkg/client/clientset/versioned",
	})
	want := []string{
		"k8s.io/api/apps/v1beta1", "k8s.io/api/batch/v1", "k8s.io/client-go/kubernetes", "k8s.io/client-go/kubernetes/scheme",
		"k8s.io/client-go/gentype", nadClient + "/pkg/client/clientset/versioned",
	}
	if !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
}

const nadClient = "github.com/k8snetworkplumbingwg/network-attachment-definition-client"

// needless returns the packages that the agent is too large with.
func needless(deps []string) (found []string) {
	generated := []string{
		"k8s.io/client-go/kubernetes", "k8s.io/client-go/informers", "k8s.io/client-go/listers", "k8s.io/client-go/applyconfigurations",
		"k8s.io/client-go/discovery", "k8s.io/client-go/openapi", "k8s.io/client-go/dynamic", "k8s.io/client-go/metadata",
		"k8s.io/client-go/testing", "k8s.io/client-go/gentype", // which comes with fakes
		"k8s.io/apimachinery/pkg/util/managedfields", nadClient + "/pkg/client",
	}
	for _, dep := range deps {
		if slices.ContainsFunc(generated, func(not string) bool { return within(dep, not) }) {
			found = append(found, dep)
		}
		if within(dep, "k8s.io/api") && dep != "k8s.io/api/core/v1" && dep != "k8s.io/api/apps/v1" {
			found = append(found, dep)
		}
	}
	return found
}

func within(dep, folder string) bool { return dep == folder || strings.HasPrefix(dep, folder+"/") }
