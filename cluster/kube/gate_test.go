package kube

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	nadv1 "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	nadfake "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/client/clientset/versioned/fake"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	apiwatch "k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	clienttesting "k8s.io/client-go/testing"
)

// A gate leads requests to the fakes of client-go's generated clients, which keep objects, react and remember what was asked
// of them, and writes their answers as an API server does. It needs no socket, so that it works in a synctest bubble.
type gate struct {
	t    *testing.T
	core *fake.Clientset
	nads *nadfake.Clientset
}

// configOf is how a client gets to the fakes; nads may be nil.
func configOf(t *testing.T, core *fake.Clientset, nads *nadfake.Clientset) *rest.Config {
	if nads == nil {
		nads = nadfake.NewSimpleClientset()
	}
	return &rest.Config{Host: "http://api", Transport: &gate{t, core, nads}, UserAgent: userAgent, QPS: 50, Burst: 100}
}

// opened is a cluster of the fakes. Its caches are filled once it runs.
func opened(t *testing.T, core *fake.Clientset, nads *nadfake.Clientset) *Cluster {
	t.Helper()
	c, err := New(configOf(t, core, nads), "n1")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A target is what a request is about, as its path says.
type target struct {
	resource               schema.GroupVersionResource
	namespace, name, under string
}

func targetOf(path string) (t target) {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	if parts[0] == "apis" {
		t.resource.Group, parts = parts[1], parts[1:]
	}
	t.resource.Version, parts = parts[1], parts[2:]
	if parts[0] == "namespaces" && len(parts) > 2 {
		t.namespace, parts = parts[1], parts[2:]
	}
	for i, field := range []*string{&t.resource.Resource, &t.name, &t.under} {
		if i < len(parts) {
			*field = parts[i]
		}
	}
	return t
}

// RoundTrip is http.RoundTripper. An error of a fake that is none of an API server's is one of the connection.
func (g *gate) RoundTrip(r *http.Request) (*http.Response, error) {
	var o metav1.ListOptions
	if err := scheme.ParameterCodec.DecodeParameters(r.URL.Query(), schema.GroupVersion{Version: "v1"}, &o); err != nil {
		return nil, err
	}
	t := targetOf(r.URL.Path)
	if o.Watch {
		return g.watch(r, t, o)
	}
	action, err := g.action(r, t, o)
	if err != nil {
		return nil, err
	}
	obj, err := g.fake(t).Invokes(action, &metav1.Status{})
	if err == nil && t.name == "" && r.Method == http.MethodGet {
		err = selectLabels(obj, o.LabelSelector)
	}
	return g.respond(r, obj, err)
}

func (g *gate) fake(t target) *clienttesting.Fake {
	if t.resource.Group == nadv1.SchemeGroupVersion.Group {
		return &g.nads.Fake
	}
	return &g.core.Fake
}

// kindOf is the kind of a resource's objects.
func kindOf(resource string) string {
	return map[string]string{
		"pods": "Pod", "namespaces": "Namespace", "nodes": "Node", "events": "Event", "daemonsets": "DaemonSet",
		"network-attachment-definitions": "NetworkAttachmentDefinition",
	}[resource]
}

// action is what the generated client would have asked of its fake.
func (g *gate) action(r *http.Request, t target, o metav1.ListOptions) (clienttesting.Action, error) {
	kind := t.resource.GroupVersion().WithKind(kindOf(t.resource.Resource))
	switch {
	case r.Method == http.MethodGet && t.name == "":
		return clienttesting.NewListActionWithOptions(t.resource, kind, t.namespace, o), nil
	case r.Method == http.MethodGet:
		return clienttesting.NewGetAction(t.resource, t.namespace, t.name), nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	switch r.Method {
	case http.MethodPatch:
		kind := types.PatchType(r.Header.Get("Content-Type"))
		if t.under == "" {
			return clienttesting.NewPatchAction(t.resource, t.namespace, t.name, kind, body), nil
		}
		return clienttesting.NewPatchSubresourceAction(t.resource, t.namespace, t.name, kind, body, t.under), nil
	case http.MethodPost:
		obj, _, err := encodingFor(g.t, r.Header.Get("Accept")).codecs.UniversalDeserializer().Decode(body, &kind, nil)
		return clienttesting.NewCreateAction(t.resource, t.namespace, obj), err
	}
	return nil, fmt.Errorf("%s is no method of the fakes", r.Method)
}

// selectLabels keeps of a list what the selector selects, which the generated fakes do and the store below them does not.
func selectLabels(list runtime.Object, selector string) error {
	selected, err := labels.Parse(selector)
	if err != nil {
		return err
	}
	items, err := meta.ExtractList(list)
	if err != nil {
		return err
	}
	var kept []runtime.Object
	for _, item := range items {
		if one, err := meta.Accessor(item); err == nil && selected.Matches(labels.Set(one.GetLabels())) {
			kept = append(kept, item)
		}
	}
	return meta.SetList(list, kept)
}

func (g *gate) respond(r *http.Request, obj runtime.Object, err error) (*http.Response, error) {
	var refused apierrors.APIStatus
	if errors.As(err, &refused) {
		status := refused.Status()
		obj = &status
	} else if err != nil {
		return nil, err
	}
	recorder := httptest.NewRecorder()
	reply(g.t, recorder, r.Header.Get("Accept"), obj)
	response := recorder.Result()
	response.Request = r
	return response, nil
}

func (g *gate) watch(r *http.Request, t target, o metav1.ListOptions) (*http.Response, error) {
	events, err := g.fake(t).InvokesWatch(clienttesting.NewWatchActionWithOptions(t.resource, t.namespace, o))
	if err != nil {
		return g.respond(r, nil, err)
	}
	e := encodingFor(g.t, r.Header.Get("Accept"))
	ctx, cancel := context.WithCancel(r.Context())
	reader, writer := io.Pipe()
	go func() {
		defer events.Stop()
		_ = writer.CloseWithError(e.stream(ctx, writer, events))
	}()
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {e.streamType()}}, Body: stream{reader, cancel}, Request: r,
	}, nil
}

// stream writes events until ctx is done or there are no more.
func (e encoding) stream(ctx context.Context, w io.Writer, events apiwatch.Interface) error {
	for {
		select {
		case event, more := <-events.ResultChan():
			if !more {
				return io.EOF
			}
			if err := e.writeEvent(w, event); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// A stream is the body of a watch. Closing it ends the watch.
type stream struct {
	*io.PipeReader
	cancel context.CancelFunc
}

// Close is io.Closer.
func (s stream) Close() error {
	s.cancel()
	return s.PipeReader.Close()
}

// listFirst refuses to list by a watch, as older API servers do.
func listFirst(a clienttesting.Action) (bool, apiwatch.Interface, error) {
	if initial := a.(clienttesting.WatchActionImpl).ListOptions.SendInitialEvents; initial != nil && *initial {
		return true, nil, apierrors.NewInvalid(schema.GroupKind{Group: "meta.k8s.io", Kind: "ListOptions"}, "", nil)
	}
	return false, nil, nil
}
