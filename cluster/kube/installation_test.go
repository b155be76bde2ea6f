package kube

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

func daemonSet(change func(*metav1.ObjectMeta)) *appsv1.DaemonSet {
	set := &appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Namespace: "braid-system", Name: "braid-agent"}}
	if change != nil {
		change(&set.ObjectMeta)
	}
	return set
}

func namespace(change func(*metav1.ObjectMeta)) *corev1.Namespace {
	n := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "braid-system"}}
	if change != nil {
		change(&n.ObjectMeta)
	}
	return n
}

// terminating is an object that a finalizer keeps.
func terminating(m *metav1.ObjectMeta) {
	now := metav1.Now()
	m.DeletionTimestamp, m.Finalizers = &now, []string{"example.org/wait"}
}

func installationOf(t *testing.T, core *fake.Clientset) *Installation {
	t.Helper()
	i, err := NewInstallation(configOf(t, core, nil), "braid-system", "braid-agent", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func TestUninstalled(t *testing.T) {
	forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "daemonsets"}, "braid-agent", errors.New("no right"))
	tests := []struct {
		name    string
		objects []runtime.Object
		refuse  map[string]error // by resource
		seen    findings
		want    bool
	}{
		{name: "restart", objects: []runtime.Object{daemonSet(nil), namespace(nil)}, want: false},
		{name: "deleted", objects: []runtime.Object{namespace(nil)}, want: true},
		{name: "being deleted in the foreground", objects: []runtime.Object{daemonSet(terminating), namespace(nil)}, want: true},
		{name: "namespace being deleted", objects: []runtime.Object{daemonSet(nil), namespace(terminating)}, want: true},
		{name: "unreachable", refuse: map[string]error{"*": context.DeadlineExceeded}, want: false},
		{name: "forbidden", refuse: map[string]error{"*": forbidden}, want: false},
		{name: "forbidden after it was seen", refuse: map[string]error{"*": forbidden}, seen: findings{present, present}, want: false},
		{name: "forbidden after the DaemonSet was seen going", refuse: map[string]error{"*": forbidden}, seen: findings{gone, present}, want: true},
		{name: "forbidden after the namespace was seen going", refuse: map[string]error{"*": forbidden}, seen: findings{present, gone}, want: true},
		{name: "deleted and made again under its pods", objects: []runtime.Object{daemonSet(nil), namespace(nil)}, seen: findings{gone, present}, want: false},
		{
			name: "DaemonSet forbidden, namespace going", objects: []runtime.Object{namespace(terminating)},
			refuse: map[string]error{"daemonsets": forbidden}, seen: findings{present, present}, want: true,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			core := fake.NewClientset(tt.objects...)
			for resource, err := range tt.refuse {
				core.PrependReactor("get", resource, func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, err })
			}
			i := installationOf(t, core)
			i.set, i.envelope = tt.seen.set, tt.seen.envelope
			if got := i.Uninstalled(t.Context()); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestInstallationIsSeenGoing(t *testing.T) {
	core := fake.NewClientset(daemonSet(nil), namespace(nil))
	core.PrependWatchReactor("*", listFirst)
	i := installationOf(t, core)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- i.Run(ctx) }()
	i.waitSeen(t, findings{present, present})
	if err := core.AppsV1().DaemonSets("braid-system").Delete(ctx, "braid-agent", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	i.waitSeen(t, findings{gone, present})
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func (i *Installation) waitSeen(t *testing.T, want findings) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		i.mu.Lock()
		seen := findings{i.set, i.envelope}
		i.mu.Unlock()
		if seen == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("saw %v, want %v", seen, want)
		}
	}
}

func TestPodCIDRs(t *testing.T) {
	tests := []struct {
		name   string
		ranges []string
		want   string
		ok     bool
	}{
		{"dual stack", []string{"10.244.1.0/24", "fd00:10:244:1::/64"}, "[10.244.1.0/24 fd00:10:244:1::/64]", true},
		{"host bits", []string{"10.244.1.7/24"}, "[10.244.1.0/24]", true},
		{"nonsense", []string{"10.244"}, "", false},
		{"none", nil, "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1"}, Spec: corev1.NodeSpec{PodCIDRs: tt.ranges}}
			c := opened(t, fake.NewClientset(node), nil)
			defer c.events.Shutdown()
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			got, err := c.PodCIDRs(ctx)
			if ok := err == nil; ok != tt.ok {
				t.Fatalf("got %v, %v", got, err)
			}
			if text := fmt.Sprint(got); tt.ok && text != tt.want {
				t.Errorf("got %s, want %s", text, tt.want)
			}
		})
	}
}

func TestPodCIDRsAreWaitedFor(t *testing.T) {
	core := fake.NewClientset(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1"}})
	time.AfterFunc(50*time.Millisecond, func() {
		node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1"}, Spec: corev1.NodeSpec{PodCIDRs: []string{"10.0.0.0/24"}}}
		if _, err := core.CoreV1().Nodes().Update(context.Background(), node, metav1.UpdateOptions{}); err != nil {
			t.Error(err)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	c := opened(t, core, nil)
	defer c.events.Shutdown()
	got, err := c.PodCIDRs(ctx)
	if err != nil || fmt.Sprint(got) != "[10.0.0.0/24]" {
		t.Errorf("got %v, %v", got, err)
	}
}
