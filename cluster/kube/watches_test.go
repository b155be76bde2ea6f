package kube

import (
	"context"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	nadv1 "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	apiwatch "k8s.io/apimachinery/pkg/watch"
)

// A dialogue is with an API server about one resource: each request waits for the test's answer. Watches of others stand
// without an event.
type dialogue struct {
	t     *testing.T
	path  string
	asked chan *asking
	ctx   context.Context
}

// An asking is a request that waits for its answer.
type asking struct {
	d    *dialogue
	text string
	w    http.ResponseWriter
	e    encoding
	done chan struct{}
}

func (d *dialogue) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != d.path {
		<-d.ctx.Done()
		return
	}
	a := &asking{d: d, text: lifetime.ReplaceAllString(text(r, nil), "timeout"), w: w, e: encodingFor(d.t, r.Header.Get("Accept")), done: make(chan struct{})}
	select {
	case d.asked <- a:
	case <-d.ctx.Done():
		return
	}
	select {
	case <-a.done:
	case <-d.ctx.Done():
	}
}

// lifetime is how long a watch is to last, which client-go throws dice for.
var lifetime = regexp.MustCompile(`timeout=\d+m\d+s&timeoutSeconds=\d+`)

// next takes the next request, which should be that one.
func (d *dialogue) next(want string) *asking {
	d.t.Helper()
	select {
	case a := <-d.asked:
		if a.text != want {
			d.t.Errorf("asked:\n%s\nwant:\n%s", a.text, want)
		}
		return a
	case <-time.After(20 * time.Second):
		d.t.Fatalf("nothing is asked within 20 s, want:\n%s", want)
		return nil
	}
}

// answer answers with an object.
func (a *asking) answer(obj runtime.Object) {
	a.d.t.Helper()
	reply(a.d.t, a.w, a.e.info.MediaType, obj)
	close(a.done)
}

// event sends an event by a watch.
func (a *asking) event(kind apiwatch.EventType, obj runtime.Object) {
	a.d.t.Helper()
	a.w.Header().Set("Content-Type", a.e.streamType())
	if err := a.e.writeEvent(a.w, apiwatch.Event{Type: kind, Object: obj}); err != nil {
		a.d.t.Error(err)
	}
	if err := http.NewResponseController(a.w).Flush(); err != nil {
		a.d.t.Error(err)
	}
}

// end ends a watch.
func (a *asking) end() { close(a.done) }

// A followed resource is one that is watched, with an object of it.
type followed struct {
	name, path string
	accept     string
	// fields and labels are the selectors, as they stand in a query.
	fields, labels string
	object         func(metav1.ObjectMeta) runtime.Object
	list           func(version string, items ...runtime.Object) runtime.Object
	// meta names the object.
	meta metav1.ObjectMeta
	// seen is what is known of the object.
	seen func(*Cluster, *Installation) presence
}

func followedResources() []followed {
	pod := func(m metav1.ObjectMeta) runtime.Object { return &corev1.Pod{ObjectMeta: m} }
	def := func(m metav1.ObjectMeta) runtime.Object { return &nadv1.NetworkAttachmentDefinition{ObjectMeta: m} }
	space := func(m metav1.ObjectMeta) runtime.Object { return &corev1.Namespace{ObjectMeta: m} }
	set := func(m metav1.ObjectMeta) runtime.Object { return &appsv1.DaemonSet{ObjectMeta: m} }
	return []followed{
		{
			name: "pods", path: "/api/v1/pods", accept: acceptBuiltin, fields: "&fieldSelector=spec.nodeName%3Dn1", object: pod,
			meta: metav1.ObjectMeta{Namespace: "default", Name: "x"},
			list: func(version string, items ...runtime.Object) runtime.Object {
				return &corev1.PodList{ListMeta: metav1.ListMeta{ResourceVersion: version}, Items: values[corev1.Pod](items)}
			},
			seen: func(c *Cluster, _ *Installation) presence { return stored(c.pods, "default/x") },
		},
		{
			name: "networks", path: "/apis/k8s.cni.cncf.io/v1/network-attachment-definitions", accept: acceptJSON, object: def,
			meta: metav1.ObjectMeta{Namespace: "default", Name: "x"},
			list: func(version string, items ...runtime.Object) runtime.Object {
				return &nadv1.NetworkAttachmentDefinitionList{
					ListMeta: metav1.ListMeta{ResourceVersion: version}, Items: values[nadv1.NetworkAttachmentDefinition](items),
				}
			},
			seen: func(c *Cluster, _ *Installation) presence { return stored(c.defs, "default/x") },
		},
		{
			name: "tenants", path: "/api/v1/namespaces", accept: acceptBuiltin, labels: "&labelSelector=braid.dev%2Ftenant", object: space,
			meta: metav1.ObjectMeta{Name: "x"}, list: namespaces,
			seen: func(c *Cluster, _ *Installation) presence { return stored(c.tenants, "x") },
		},
		{
			name: "DaemonSet", path: "/apis/apps/v1/namespaces/braid-system/daemonsets", accept: acceptBuiltin,
			fields: "&fieldSelector=metadata.name%3Dbraid-agent", object: set,
			meta: metav1.ObjectMeta{Namespace: "braid-system", Name: "braid-agent"},
			list: func(version string, items ...runtime.Object) runtime.Object {
				return &appsv1.DaemonSetList{ListMeta: metav1.ListMeta{ResourceVersion: version}, Items: values[appsv1.DaemonSet](items)}
			},
			seen: func(_ *Cluster, i *Installation) presence { return i.presence(&i.set) },
		},
		{
			name: "namespace of the DaemonSet", path: "/api/v1/namespaces", accept: acceptBuiltin,
			fields: "&fieldSelector=metadata.name%3Dbraid-system", object: space,
			meta: metav1.ObjectMeta{Name: "braid-system"}, list: namespaces,
			seen: func(_ *Cluster, i *Installation) presence { return i.presence(&i.envelope) },
		},
	}
}

func values[T any, P interface {
	*T
	runtime.Object
}](items []runtime.Object) (all []T) {
	for _, item := range items {
		all = append(all, *item.(P))
	}
	return all
}

func namespaces(version string, items ...runtime.Object) runtime.Object {
	return &corev1.NamespaceList{ListMeta: metav1.ListMeta{ResourceVersion: version}, Items: values[corev1.Namespace](items)}
}

func stored[T any](w *watched[T], key string) presence {
	_, exists, err := w.informer.GetStore().GetByKey(key)
	if err != nil || !w.informer.HasSynced() {
		return unknown
	}
	if !exists {
		return gone
	}
	return present
}

func (i *Installation) presence(of *presence) presence {
	i.mu.Lock()
	defer i.mu.Unlock()
	return *of
}

// at is the object in a version.
func (f *followed) at(version string) runtime.Object {
	meta := f.meta
	meta.ResourceVersion = version
	return f.object(meta)
}

// filled is what an API server sends after all that it had when the watch began.
func (f *followed) filled(version string) runtime.Object {
	meta := metav1.ObjectMeta{ResourceVersion: version, Annotations: map[string]string{metav1.InitialEventsAnnotationKey: "true"}}
	return f.object(meta)
}

// asks is the text of a request with that query, to which the selectors belong.
func (f *followed) asks(before, after string) string {
	query := strings.TrimPrefix(before+f.fields+f.labels+after, "&")
	if query != "" {
		query = "?" + query
	}
	return "GET " + f.path + query + "\n" + f.accept
}

// open starts to follow the resource, and returns what waits until that much is known of the object.
func (f *followed) open(t *testing.T) (d *dialogue, wait func(presence)) {
	ctx, cancel := context.WithCancel(t.Context())
	d = &dialogue{t: t, path: f.path, asked: make(chan *asking), ctx: ctx}
	server := httptest.NewServer(d)
	c, i := clientsOf(t, server.URL)
	ended := make(chan error, 2)
	if strings.Contains(f.name, "DaemonSet") {
		go func() { ended <- i.Run(ctx) }()
		c.events.Shutdown()
	} else {
		go func() { ended <- c.Run(ctx) }()
	}
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		server.Close()
	})
	return d, func(want presence) {
		t.Helper()
		for deadline := time.Now().Add(10 * time.Second); f.seen(c, i) != want; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("presence %d, want %d", f.seen(c, i), want)
			}
		}
	}
}

var errGone = refusal(apierrors.NewResourceExpired("too old resource version"))

func TestWatches(t *testing.T) {
	for _, f := range followedResources() {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			d, wait := f.open(t)
			first := d.next(f.asks("allowWatchBookmarks=true", "&resourceVersionMatch=NotOlderThan&sendInitialEvents=true&timeout&watch=true"))
			first.event(apiwatch.Added, f.at("5"))
			first.event(apiwatch.Bookmark, f.filled("5"))
			wait(present)
			first.event(apiwatch.Deleted, f.at("6"))
			wait(gone)
			first.end()
			second := d.next(f.asks("allowWatchBookmarks=true", "&resourceVersion=6&timeout&watch=true"))
			second.event(apiwatch.Added, f.at("7"))
			wait(present)
			second.event(apiwatch.Error, errGone)
			second.end()
			third := d.next(f.asks("allowWatchBookmarks=true", "&resourceVersion=7&resourceVersionMatch=NotOlderThan&sendInitialEvents=true&timeout&watch=true"))
			third.event(apiwatch.Bookmark, f.filled("9"))
			wait(gone)
		})
	}
}

// API servers of old, and those that have the gate closed, refuse to list by a watch.
func TestWatchesOfAnAPIServerThatDoesNotListByThem(t *testing.T) {
	refused := refusal(apierrors.NewInvalid(schema.GroupKind{Group: "meta.k8s.io", Kind: "ListOptions"}, "", nil))
	for _, f := range followedResources() {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			d, wait := f.open(t)
			d.next(f.asks("allowWatchBookmarks=true", "&resourceVersionMatch=NotOlderThan&sendInitialEvents=true&timeout&watch=true")).answer(refused)
			d.next(f.asks("", "&limit=500&resourceVersion=0")).answer(f.list("5", f.at("4")))
			wait(present)
			first := d.next(f.asks("allowWatchBookmarks=true", "&resourceVersion=5&timeout&watch=true"))
			first.event(apiwatch.Deleted, f.at("6"))
			wait(gone)
			first.end()
			d.next(f.asks("allowWatchBookmarks=true", "&resourceVersion=6&timeout&watch=true")).answer(errGone)
			d.next(f.asks("allowWatchBookmarks=true", "&resourceVersion=6&resourceVersionMatch=NotOlderThan&sendInitialEvents=true&timeout&watch=true")).answer(refused)
			d.next(f.asks("", "&resourceVersion=6")).answer(errGone)
			d.next(f.asks("", "")).answer(f.list("9", f.at("8")))
			wait(present)
		})
	}
}
