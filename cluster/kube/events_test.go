package kube

import (
	"context"
	"errors"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/braid-cni/braid/cluster"
)

const eventName = "p.0123456789abcdef"

// created is the text of a request that makes an event with that reason, the count-th of its kind.
func created(reason, count string) string {
	return "POST /api/v1/namespaces/default/events\n" + acceptJSON + "\napplication/json\n" +
		`{"kind":"Event","apiVersion":"v1","metadata":{"name":"p.TIME","namespace":"default"},` +
		`"involvedObject":{"kind":"Pod","namespace":"default","name":"p","uid":"u1","apiVersion":"v1"},` +
		`"reason":"` + reason + `","message":"m","source":{"component":"braid","host":"n1"},` +
		`"firstTimestamp":"TIME","lastTimestamp":"TIME","count":` + count + `,"type":"Warning","eventTime":null,` +
		`"reportingComponent":"braid","reportingInstance":"n1"}` + "\n"
}

// counted is the text of a request that changes the event which the API server answered with.
func counted(count string) string {
	return "PATCH /api/v1/namespaces/default/events/p.TIME\n" + acceptJSON + "\napplication/strategic-merge-patch+json\n" +
		`{"count":` + count + `,"lastTimestamp":"TIME","message":"m"}`
}

// An event that comes again changes the first one, and is made anew where that is no more. One that is refused is lost, and
// the next is not held back by it.
func TestEventsAreWritten(t *testing.T) {
	event := &corev1.Event{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: eventName}}
	expired := refusal(apierrors.NewNotFound(corev1.Resource("events"), eventName))
	exists := refusal(apierrors.NewAlreadyExists(corev1.Resource("events"), eventName))
	s := &scripted{t: t, answers: []runtime.Object{event, event, expired, event, exists, event}}
	want := []string{created("Again", "1"), counted("2"), counted("3"), created("Again", "3"), created("Refused", "1"), created("Next", "1")}
	server := httptest.NewServer(s)
	defer server.Close()
	c, _ := clientsOf(t, server.URL)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- c.Run(ctx) }()
	defer func() { cancel(); <-ended }()
	s.wait(func() bool { return s.watches }) // what comes before the recorder listens is lost, as events may be
	for _, reason := range []string{"Again", "Again", "Again", "Refused", "Next"} {
		c.Event(cluster.PodRef{Namespace: "default", Name: "p", UID: "u1"}, cluster.Event{Warning: true, Reason: reason, Message: "m"})
	}
	s.wait(func() bool { return len(s.answers) == 0 })
	if !slices.Equal(s.asked, want) {
		t.Errorf("asked:\n%s\nwant:\n%s", strings.Join(s.asked, "\n"), strings.Join(want, "\n"))
	}
}

// The recorder does not update events, but its interface can.
func TestEventIsUpdated(t *testing.T) {
	event := &corev1.Event{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: eventName, ResourceVersion: "7"}}
	s := &scripted{t: t, answers: []runtime.Object{event, refusal(apierrors.NewConflict(corev1.Resource("events"), eventName, errors.New("changed")))}}
	server := httptest.NewServer(s)
	defer server.Close()
	c, _ := clientsOf(t, server.URL)
	defer c.events.Shutdown()
	to := sink{c.api.core}
	if got, err := to.Update(event); err != nil || got.ResourceVersion != "7" {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := to.Update(event); !apierrors.IsConflict(err) {
		t.Errorf("error %v", err)
	}
	want := "PUT /api/v1/namespaces/default/events/p.TIME\n" + acceptJSON + "\napplication/json\n" +
		`{"kind":"Event","apiVersion":"v1","metadata":{"name":"p.TIME","namespace":"default","resourceVersion":"7"},"involvedObject":{},` +
		`"source":{},"firstTimestamp":null,"lastTimestamp":null,"eventTime":null,"reportingComponent":"","reportingInstance":""}` + "\n"
	if s.asked[0] != want {
		t.Errorf("asked:\n%s\nwant:\n%s", s.asked[0], want)
	}
}
