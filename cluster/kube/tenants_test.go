package kube

import (
	"context"
	"testing"
	"time"

	nadfake "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/client/clientset/versioned/fake"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/braid-cni/braid/cluster"
)

// Before the cache is filled the API server is asked; afterwards the cache knows all that have the label.
func TestTenant(t *testing.T) {
	blue := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "blue", Labels: map[string]string{cluster.TenantLabel: ""}}}
	core := fake.NewClientset(blue, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "default"}})
	nads := nadfake.NewSimpleClientset()
	core.PrependWatchReactor("*", listFirst)
	nads.PrependWatchReactor("*", listFirst)
	c := opened(t, core, nads)
	check := func(when string) {
		for name, want := range map[string]bool{"blue": true, "default": false, "absent": false} {
			if got, err := c.Tenant(t.Context(), name); got != want || err != nil {
				t.Errorf("%s: Tenant(%s) is %v, %v", when, name, got, err)
			}
		}
	}
	check("before the caches are filled")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go c.Run(ctx)
	for deadline := time.Now().Add(10 * time.Second); !c.Synced(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the caches are not filled after 10 s")
		}
	}
	core.ClearActions()
	check("from the cache")
	if n := len(core.Actions()); n > 0 {
		t.Errorf("%d API calls although the cache is filled", n)
	}
}
