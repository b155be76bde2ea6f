package kube

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

// A presence is what is known of an object.
type presence int

const (
	unknown presence = iota
	present
	gone // or being deleted
)

// An Installation is the DaemonSet that runs this agent, in its namespace. It tells an agent that is stopped whether it
// comes back. Run must be running.
type Installation struct {
	api             *api
	namespace, name string
	log             *slog.Logger

	mu            sync.Mutex
	set, envelope presence // of the DaemonSet and the namespace, as they were seen last
}

// NewInstallation makes clients of its own: when the agent stops, others may have used up theirs. It makes no API call.
func NewInstallation(config *rest.Config, namespace, name string, log *slog.Logger) (*Installation, error) {
	api, err := dial(config)
	if err != nil {
		return nil, err
	}
	return &Installation{api: api, namespace: namespace, name: name, log: log}, nil
}

// String names the task.
func (i *Installation) String() string { return "installation watch" }

// Run watches the DaemonSet and the namespace until ctx is done. Whoever deletes them deletes the agent's rights in the same
// breath, and the question put at the end is refused; a watch that stands goes on.
func (i *Installation) Run(ctx context.Context) error {
	sets := i.api.daemonSets(i.namespace).inform(whose("metadata.name", i.name), &appsv1.DaemonSet{},
		func() runtime.Object { return &appsv1.DaemonSetList{} })
	namespaces := i.api.namespaces().inform(whose("metadata.name", i.namespace), &corev1.Namespace{}, namespaceList)
	if err := i.follow(sets, &i.set); err != nil {
		return err
	}
	if err := i.follow(namespaces, &i.envelope); err != nil {
		return err
	}
	var running sync.WaitGroup
	running.Go(func() { sets.RunWithContext(ctx) })
	running.Go(func() { namespaces.RunWithContext(ctx) })
	running.Wait()
	return nil
}

func (i *Installation) follow(informer cache.SharedInformer, seen *presence) error {
	note := func(p presence) {
		i.mu.Lock()
		defer i.mu.Unlock()
		*seen = p
	}
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(obj any) { note(presenceOf(obj)) },
		UpdateFunc: func(_, obj any) { note(presenceOf(obj)) },
		DeleteFunc: func(any) { note(gone) },
	})
	if err != nil {
		return fmt.Errorf("follow the installation: %w", err)
	}
	return nil
}

func presenceOf(obj any) presence {
	if meta, ok := obj.(metav1.Object); ok && meta.GetDeletionTimestamp() != nil {
		return gone
	}
	return present
}

// Uninstalled says whether the DaemonSet is gone or going, alone or with its namespace. When the API server does not say,
// what was seen last counts.
func (i *Installation) Uninstalled(ctx context.Context) bool {
	set, envelope := &appsv1.DaemonSet{}, &corev1.Namespace{}
	setErr := i.api.daemonSets(i.namespace).get(ctx, i.name, set)
	envelopeErr := i.api.namespaces().get(ctx, i.namespace, envelope)
	live := findings{set: answered(set, setErr), envelope: answered(envelope, envelopeErr)}
	i.mu.Lock()
	seen := findings{set: i.set, envelope: i.envelope}
	i.mu.Unlock()
	i.log.Debug("asked whether this agent is being uninstalled", "live", live, "seen", seen, "daemonset", setErr, "namespace", envelopeErr)
	return uninstalled(live, seen)
}

func answered(obj metav1.Object, err error) presence {
	switch {
	case apierrors.IsNotFound(err):
		return gone
	case err != nil:
		return unknown
	}
	return presenceOf(obj)
}

// findings are what is known of the DaemonSet and of its namespace.
type findings struct{ set, envelope presence }

// uninstalled prefers what the API server says now: a DaemonSet that was deleted and made again runs this agent on.
func uninstalled(live, seen findings) bool {
	return orElse(live.set, seen.set) == gone || orElse(live.envelope, seen.envelope) == gone
}

func orElse(live, seen presence) presence {
	if live == unknown {
		return seen
	}
	return live
}
