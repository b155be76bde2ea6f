package kube

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	nadv1 "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	nadfake "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/client/clientset/versioned/fake"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	apiwatch "k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/braid-cni/braid/cluster"
)

// An apiServer shows by LIST and WATCH what the test lets it, which may be behind what GET answers.
type apiServer struct {
	core *fake.Clientset
	nads *nadfake.Clientset
	// pods and defs are the watches: what is put into them is an event.
	pods, defs *apiwatch.RaceFreeFakeWatcher
}

// newAPIServer has live objects for GET, and lists the others.
func newAPIServer(livePods, listedPods []corev1.Pod, liveDefs, listedDefs []nadv1.NetworkAttachmentDefinition) *apiServer {
	s := &apiServer{
		core: fake.NewClientset(&corev1.PodList{Items: livePods}),
		nads: nadfake.NewSimpleClientset(),
		pods: apiwatch.NewRaceFreeFake(), defs: apiwatch.NewRaceFreeFake(),
	}
	for i := range liveDefs { // the fake would guess the name of their resource wrongly
		s.nads.PrependReactor("get", "*", answer(&liveDefs[i]))
	}
	s.core.PrependReactor("list", "pods", answer(&corev1.PodList{Items: listedPods}))
	s.nads.PrependReactor("list", "*", answer(&nadv1.NetworkAttachmentDefinitionList{Items: listedDefs}))
	s.core.PrependWatchReactor("pods", follow(s.pods))
	s.core.PrependWatchReactor("namespaces", follow(apiwatch.NewRaceFreeFake()))
	s.nads.PrependWatchReactor("*", follow(s.defs))
	return s
}

func answer(obj runtime.Object) clienttesting.ReactionFunc {
	return func(clienttesting.Action) (bool, runtime.Object, error) { return true, obj, nil }
}

func follow(events apiwatch.Interface) clienttesting.WatchReactionFunc {
	return func(a clienttesting.Action) (bool, apiwatch.Interface, error) {
		if refused, _, err := listFirst(a); refused {
			return true, nil, err
		}
		return true, events, nil
	}
}

// open returns the cluster, its caches filled if that is asked for. All goes on in the clock of a synctest bubble.
func (s *apiServer) open(t *testing.T, filled bool) *Cluster {
	t.Helper()
	c := opened(t, s.core, s.nads)
	if !filled {
		t.Cleanup(c.events.Shutdown)
		return c
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- c.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	for deadline := time.Now().Add(time.Minute); !c.Synced(); time.Sleep(time.Second) {
		if time.Now().After(deadline) {
			t.Fatal("the caches are not filled after a minute")
		}
	}
	synctest.Wait()
	return c
}

// gets are the live calls for one object.
func (s *apiServer) gets() (n int) {
	for _, a := range slices.Concat(s.core.Actions(), s.nads.Actions()) {
		if a.GetVerb() == "get" {
			n++
		}
	}
	return n
}

// A version of an object: its UID, and the hash of a static pod. The zero value is none.
type version struct{ uid, hash string }

func (v version) meta() metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: "default", Name: "web-0", UID: types.UID(v.uid), Annotations: map[string]string{staticHash: v.hash}}
}

func podsOf(v version) []corev1.Pod {
	if v == (version{}) {
		return nil
	}
	return []corev1.Pod{{ObjectMeta: v.meta()}}
}

func defsOf(v version) []nadv1.NetworkAttachmentDefinition {
	if v == (version{}) {
		return nil
	}
	return []nadv1.NetworkAttachmentDefinition{{ObjectMeta: v.meta()}}
}

// A reading is what the API server has of an object, what is asked for, and what comes of it.
type reading struct {
	name      string
	unfilled  bool    // the caches are
	cached    version // in the cache
	comes     version // by the watch
	after     time.Duration
	live      version // what GET answers
	asked     string  // the UID
	want      string  // the UID, empty for ErrNotFound
	took      time.Duration
	liveCalls int
}

// wait is what the design promises: long enough for a watch that is behind, too short to hold a pod back.
const wait = 250 * time.Millisecond

// readings are those that are the same for pods and NetworkAttachmentDefinitions.
func readings() []reading {
	v := version{uid: "u1"}
	return []reading{
		{name: "cached", cached: v, live: v, want: "u1"},
		{name: "comes", comes: v, after: 50 * time.Millisecond, live: v, want: "u1", took: 50 * time.Millisecond},
		{name: "comes at the last moment", comes: v, after: wait - 1, live: v, want: "u1", took: wait - 1},
		{name: "comes too late", comes: v, after: wait + 1, live: v, want: "u1", took: wait, liveCalls: 1},
		{name: "never comes", live: v, want: "u1", took: wait, liveCalls: 1},
		{name: "is nowhere", took: wait, liveCalls: 1},
		{name: "the cache was never filled", unfilled: true, live: v, want: "u1", liveCalls: 1},
	}
}

// podReadings are about pods of one name that come one after the other, and about static pods.
func podReadings() []reading {
	before, now := version{uid: "u1"}, version{uid: "u2"}
	mirror, former := version{uid: "m1", hash: "h2"}, version{uid: "m0", hash: "h1"}
	return []reading{
		{name: "the cache has the one before", cached: before, live: now, asked: "u2", want: "u2", took: wait, liveCalls: 1},
		{name: "the cache has the one before, then this one", cached: before, comes: now, after: 100 * time.Millisecond, live: now,
			asked: "u2", want: "u2", took: 100 * time.Millisecond},
		{name: "the cache goes on having the one before", cached: before, comes: before, after: 100 * time.Millisecond, live: now,
			asked: "u2", want: "u2", took: wait, liveCalls: 1},
		{name: "all have the one before", cached: before, live: before, asked: "u2", took: wait, liveCalls: 1},
		{name: "the cache was never filled, and GET has the one before", unfilled: true, live: before, asked: "u2", liveCalls: 1},
		{name: "a runtime that names no UID", cached: before, live: now, want: "u1"},
		{name: "static", cached: mirror, live: mirror, asked: "h2", want: "m1"},
		{name: "static, the cache has the one before", cached: former, live: mirror, asked: "h2", want: "m1", took: wait, liveCalls: 1},
	}
}

// The clock is the bubble's: what was waited is exact.
func (r *reading) check(t *testing.T, s *apiServer, read func() (string, error)) {
	t.Helper()
	start := time.Now()
	uid, err := read()
	if took := time.Since(start); took != r.took {
		t.Errorf("took %v, want %v", took, r.took)
	}
	if uid != r.want || (err != nil) != (r.want == "") || err != nil && !errors.Is(err, cluster.ErrNotFound) {
		t.Errorf("got UID %q, %v, want %q", uid, err, r.want)
	}
	if n := s.gets(); n != r.liveCalls {
		t.Errorf("%d live calls, want %d", n, r.liveCalls)
	}
}

func TestPodIsWaitedForThenAskedFor(t *testing.T) {
	for _, r := range slices.Concat(readings(), podReadings()) {
		t.Run(r.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newAPIServer(podsOf(r.live), podsOf(r.cached), nil, nil)
				c := s.open(t, !r.unfilled)
				for _, p := range podsOf(r.comes) {
					time.AfterFunc(r.after, func() { s.pods.Modify(&p) })
				}
				r.check(t, s, func() (string, error) {
					p, err := c.Pod(t.Context(), "default", "web-0", r.asked)
					if err != nil {
						return "", err
					}
					return p.UID, nil
				})
			})
		})
	}
}

func TestNADIsWaitedForThenAskedFor(t *testing.T) {
	for _, r := range readings() {
		t.Run(r.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newAPIServer(nil, nil, defsOf(r.live), defsOf(r.cached))
				c := s.open(t, !r.unfilled)
				for _, d := range defsOf(r.comes) {
					time.AfterFunc(r.after, func() { s.defs.Add(&d) })
				}
				r.check(t, s, func() (string, error) {
					d, err := c.NAD(t.Context(), "default", "web-0")
					if err != nil {
						return "", err
					}
					return string(d.UID), nil
				})
			})
		})
	}
}

// A caller that gives up is not kept waiting, and asks nothing.
func TestPodIsNotWaitedForLongerThanTheCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newAPIServer(nil, nil, nil, nil)
		c := s.open(t, true)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		start := time.Now()
		if _, err := c.Pod(ctx, "default", "web-0", ""); err == nil {
			t.Error("there is a pod")
		}
		if took := time.Since(start); took != 10*time.Millisecond {
			t.Errorf("took %v", took)
		}
	})
}

// whole is metadata with all that a real API server adds.
func whole(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace: "default", Name: name, UID: types.UID("uid-" + name), ResourceVersion: "7", Generation: 3, Finalizers: []string{"f/f"},
		Labels: map[string]string{"app": name}, OwnerReferences: []metav1.OwnerReference{{Name: "owner"}},
		Annotations:   map[string]string{"k8s.v1.cni.cncf.io/networks": "neta", corev1.LastAppliedConfigAnnotation: "{}"},
		ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "kubectl"}},
	}
}

// trimmed is what is kept of it.
func trimmed(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace: "default", Name: name, UID: types.UID("uid-" + name), ResourceVersion: "7",
		Annotations: map[string]string{"k8s.v1.cni.cncf.io/networks": "neta"},
	}
}

// What comes by LIST and what comes by WATCH costs the agent's memory no more than what Braid reads.
func TestCachesKeepWhatIsRead(t *testing.T) {
	pod := func(name string) corev1.Pod {
		return corev1.Pod{
			TypeMeta: metav1.TypeMeta{Kind: "Pod"}, ObjectMeta: whole(name),
			Spec: corev1.PodSpec{NodeName: "n1"}, Status: corev1.PodStatus{Phase: corev1.PodRunning},
		}
	}
	spec := nadv1.NetworkAttachmentDefinitionSpec{Config: `{"type":"bridge"}`}
	def := func(name string) nadv1.NetworkAttachmentDefinition {
		return nadv1.NetworkAttachmentDefinition{ObjectMeta: whole(name), Spec: spec}
	}
	synctest.Test(t, func(t *testing.T) {
		s := newAPIServer(nil, []corev1.Pod{pod("a")}, nil, []nadv1.NetworkAttachmentDefinition{def("a")})
		c := s.open(t, true)
		watchedPod, watchedDef := pod("b"), def("b")
		s.pods.Add(&watchedPod)
		s.defs.Add(&watchedDef)
		synctest.Wait()
		for _, name := range []string{"a", "b"} {
			wantCached(t, c.pods, name, &corev1.Pod{ObjectMeta: trimmed(name)})
			wantCached(t, c.defs, name, &nadv1.NetworkAttachmentDefinition{ObjectMeta: trimmed(name), Spec: spec})
		}
	})
}

func wantCached[T any](t *testing.T, w *watched[T], name string, want T) {
	t.Helper()
	if got, ok := w.get("default", name); !ok || !reflect.DeepEqual(got, want) {
		t.Errorf("cached %v: %+v\nwant %+v", ok, got, want)
	}
}

// The agent's memory must not grow with the pods of the cluster, nor the API server's work with its nodes.
func TestOnlyTheNodesPodsAreWatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newAPIServer(nil, nil, nil, nil)
		s.open(t, true)
		asked := map[string]bool{}
		for _, a := range slices.Concat(s.core.Actions(), s.nads.Actions()) {
			asked[a.GetVerb()+" "+a.GetResource().Resource+selectors(a)] = true
		}
		want := []string{
			"list namespaces labels braid.dev/tenant", "list network-attachment-definitions", "list pods fields spec.nodeName=n1",
			"watch namespaces labels braid.dev/tenant", "watch network-attachment-definitions", "watch pods fields spec.nodeName=n1",
		}
		if got := slices.Sorted(maps.Keys(asked)); !slices.Equal(got, want) {
			t.Errorf("asked for:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}

// selectors are those of a LIST or WATCH, as its options have them.
func selectors(a clienttesting.Action) string {
	var o metav1.ListOptions
	switch a := a.(type) {
	case clienttesting.ListActionImpl:
		o = a.ListOptions
	case clienttesting.WatchActionImpl:
		o = a.ListOptions
	}
	text := ""
	if o.FieldSelector != "" {
		text += " fields " + o.FieldSelector
	}
	if o.LabelSelector != "" {
		text += " labels " + o.LabelSelector
	}
	return text
}
