package kube

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	nadv1 "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"github.com/braid-cni/braid/cluster"
)

const userAgent = "braidd/test"

// clientsOf are the cluster and the installation as an API server at that address shows them.
func clientsOf(t *testing.T, address string) (*Cluster, *Installation) {
	t.Helper()
	config := &rest.Config{Host: address, UserAgent: userAgent, QPS: 50, Burst: 100}
	c, err := New(config, "n1")
	if err != nil {
		t.Fatal(err)
	}
	i, err := NewInstallation(config, "braid-system", "braid-agent", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return c, i
}

// A scripted API server gives its answers one after the other, and lets watches stand without an event.
type scripted struct {
	t *testing.T

	mu      sync.Mutex
	answers []runtime.Object
	asked   []string
	watches bool // something is watched
}

// wait waits until that is so, which is asked under the lock.
func (s *scripted) wait(until func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		s.mu.Lock()
		is := until()
		s.mu.Unlock()
		if is {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("nothing comes of it in 10 s; asked: %s", s.asked)
		}
	}
}

func (s *scripted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if got := r.Header.Get("User-Agent"); got != userAgent {
		s.t.Errorf("user agent %q", got)
	}
	if r.URL.Query().Get("watch") != "" {
		s.mu.Lock()
		s.watches = true
		s.mu.Unlock()
		<-r.Context().Done()
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Error(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, text(r, body))
	if len(s.answers) == 0 {
		s.t.Errorf("one request too many: %s", s.asked)
		return
	}
	reply(s.t, w, r.Header.Get("Accept"), s.answers[0])
	s.answers = s.answers[1:]
}

// reply writes an object as an API server does, a refusal with its code.
func reply(t *testing.T, w http.ResponseWriter, accept string, obj runtime.Object) {
	t.Helper()
	e := encodingFor(t, accept)
	w.Header().Set("Content-Type", e.info.MediaType)
	if refused, ok := obj.(*metav1.Status); ok {
		w.WriteHeader(int(refused.Code))
	}
	if err := e.write(w, obj); err != nil {
		t.Error(err)
	}
}

// text is a request without what is another one each time.
func text(r *http.Request, body []byte) string {
	lines := []string{r.Method + " " + r.URL.String(), "accept " + r.Header.Get("Accept")}
	if len(body) > 0 {
		lines = append(lines, r.Header.Get("Content-Type"), string(body))
	}
	return changing.ReplaceAllString(strings.Join(lines, "\n"), "TIME")
}

// changing is a time, or the end of an event's name.
var changing = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ|\b[0-9a-f]{16}\b`)

func refusal(err *apierrors.StatusError) runtime.Object {
	status := err.Status()
	return &status
}

var (
	podsResource  = schema.GroupResource{Resource: "pods"}
	errNoSuchPod  = refusal(apierrors.NewNotFound(podsResource, "p"))
	errOtherPod   = refusal(apierrors.NewInvalid(schema.GroupKind{Kind: "Pod"}, "p", nil))
	errConflict   = refusal(apierrors.NewConflict(podsResource, "p", errors.New("changed meanwhile")))
	errNoRight    = refusal(apierrors.NewForbidden(podsResource, "p", errors.New("no right")))
	acceptBuiltin = "accept application/vnd.kubernetes.protobuf,application/json"
	acceptJSON    = "accept application/json, */*"
)

// A request is what a call of the cluster asks of the API server, and what comes of the answers.
type request struct {
	name    string
	call    func(context.Context, *Cluster, *Installation) (string, error)
	answers []runtime.Object
	// asked are the requests, empty where another line of the table has them.
	asked []string
	want  string
	// gone is for ErrNotFound, fails a part of another error's message.
	gone  bool
	fails string
}

func requests() []request {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "p", UID: "u1"}}
	def := &nadv1.NetworkAttachmentDefinition{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "d"}, Spec: nadv1.NetworkAttachmentDefinitionSpec{Config: "{}"},
	}
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1"}, Spec: corev1.NodeSpec{PodCIDRs: []string{"10.0.0.0/24"}}}
	blue := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "blue", Labels: map[string]string{cluster.TenantLabel: ""}}}
	return []request{
		{
			name: "pod", call: askPod, answers: []runtime.Object{pod}, want: "u1",
			asked: []string{"GET /api/v1/namespaces/default/pods/p\n" + acceptBuiltin},
		},
		{name: "no such pod", call: askPod, answers: []runtime.Object{errNoSuchPod}, gone: true},
		{name: "pod refused", call: askPod, answers: []runtime.Object{errNoRight}, fails: `pods "p" is forbidden: no right`},
		{
			name: "network", call: askDef, answers: []runtime.Object{def}, want: "{}",
			asked: []string{"GET /apis/k8s.cni.cncf.io/v1/namespaces/default/network-attachment-definitions/d\n" + acceptJSON},
		},
		{name: "no such network", call: askDef, answers: []runtime.Object{errNoSuchPod}, gone: true},
		{
			name: "tenant", call: askTenant, answers: []runtime.Object{blue}, want: "yes",
			asked: []string{"GET /api/v1/namespaces/blue\n" + acceptBuiltin},
		},
		{name: "no such namespace", call: askTenant, answers: []runtime.Object{errNoSuchPod}, want: "no"},
		{
			name: "ranges", call: askRanges, answers: []runtime.Object{node}, want: "10.0.0.0/24",
			asked: []string{"GET /api/v1/nodes/n1\n" + acceptBuiltin},
		},
		{
			name: "status", call: publish, answers: []runtime.Object{pod},
			asked: []string{"PATCH /api/v1/namespaces/default/pods/p/status\n" + acceptBuiltin + "\napplication/merge-patch+json\n" +
				`{"metadata":{"annotations":{"k8s.v1.cni.cncf.io/network-status":"[]"},"uid":"u1"}}`},
		},
		{name: "status of a pod that is gone", call: publish, answers: []runtime.Object{errNoSuchPod}, gone: true},
		{name: "status of a pod that is another one", call: publish, answers: []runtime.Object{errOtherPod}, gone: true},
		{name: "status against another writer", call: publish, answers: []runtime.Object{errConflict}, fails: "changed meanwhile"},
		{
			name: "condition", call: publishCondition, answers: []runtime.Object{node, node},
			asked: []string{
				"GET /api/v1/nodes/n1\n" + acceptBuiltin,
				"PATCH /api/v1/nodes/n1/status\n" + acceptBuiltin + "\napplication/strategic-merge-patch+json\n" +
					`{"status":{"conditions":[{"type":"A","status":"True","lastHeartbeatTime":"TIME","lastTransitionTime":"TIME",` +
					`"reason":"Fine","message":"m"}]}}`,
			},
		},
		{name: "condition refused", call: publishCondition, answers: []runtime.Object{node, errNoRight}, fails: "no right"},
		{
			name: "installation", call: askUninstalled, answers: []runtime.Object{daemonSet(nil), namespace(nil)}, want: "no",
			asked: []string{
				"GET /apis/apps/v1/namespaces/braid-system/daemonsets/braid-agent\n" + acceptBuiltin,
				"GET /api/v1/namespaces/braid-system\n" + acceptBuiltin,
			},
		},
		{name: "installation gone", call: askUninstalled, answers: []runtime.Object{errNoSuchPod, namespace(nil)}, want: "yes"},
		{name: "installation going", call: askUninstalled, answers: []runtime.Object{daemonSet(terminating), namespace(nil)}, want: "yes"},
	}
}

func askPod(ctx context.Context, c *Cluster, _ *Installation) (string, error) {
	pod, err := c.Pod(ctx, "default", "p", "")
	if err != nil {
		return "", err
	}
	return pod.UID, nil
}

func askDef(ctx context.Context, c *Cluster, _ *Installation) (string, error) {
	def, err := c.NAD(ctx, "default", "d")
	if err != nil {
		return "", err
	}
	return def.Spec.Config, nil
}

func askTenant(ctx context.Context, c *Cluster, _ *Installation) (string, error) {
	tenant, err := c.Tenant(ctx, "blue")
	return yesNo(tenant), err
}

func askRanges(ctx context.Context, c *Cluster, _ *Installation) (string, error) {
	ranges, err := c.PodCIDRs(ctx)
	if err != nil {
		return "", err
	}
	return ranges[0].String(), nil
}

func publish(ctx context.Context, c *Cluster, _ *Installation) (string, error) {
	return "", c.PublishStatus(ctx, cluster.PodRef{Namespace: "default", Name: "p", UID: "u1"}, "[]")
}

func publishCondition(ctx context.Context, c *Cluster, _ *Installation) (string, error) {
	return "", c.PublishCondition(ctx, cluster.Condition{Type: "A", Met: true, Reason: "Fine", Message: "m"})
}

func askUninstalled(ctx context.Context, _ *Cluster, i *Installation) (string, error) {
	return yesNo(i.Uninstalled(ctx)), nil
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

func TestRequests(t *testing.T) {
	for _, r := range requests() {
		t.Run(r.name, func(t *testing.T) {
			s := &scripted{t: t, answers: r.answers}
			server := httptest.NewServer(s)
			defer server.Close()
			c, i := clientsOf(t, server.URL)
			defer c.events.Shutdown()
			got, err := r.call(t.Context(), c, i)
			if failed := r.gone || r.fails != ""; (err != nil) != failed || errors.Is(err, cluster.ErrNotFound) != r.gone {
				t.Errorf("error %v", err)
			}
			if err != nil && !strings.Contains(err.Error(), r.fails) {
				t.Errorf("error %v, want %q", err, r.fails)
			}
			if got != r.want || len(s.answers) > 0 {
				t.Errorf("got %q, want %q; %d answers left", got, r.want, len(s.answers))
			}
			if r.asked != nil && !slices.Equal(s.asked, r.asked) {
				t.Errorf("asked:\n%s\nwant:\n%s", strings.Join(s.asked, "\n"), strings.Join(r.asked, "\n"))
			}
		})
	}
}
