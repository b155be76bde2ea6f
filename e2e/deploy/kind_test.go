package deploy

import (
	"slices"
	"testing"
)

// Clause 1 of the multi-network standard, by the word of the API server that deploy/ was applied to.
func TestKindIsServed(t *testing.T) {
	test := shared.Start(t)
	served, err := test.Kube.Discovery().ServerResourcesForGroupVersion("k8s.cni.cncf.io/v1")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range served.APIResources {
		if r.Name == "network-attachment-definitions" && r.Kind == "NetworkAttachmentDefinition" && r.Namespaced &&
			slices.Contains(r.ShortNames, "net-attach-def") {
			return
		}
	}
	t.Errorf("the API server serves %+v", served.APIResources)
}
