package kube

import (
	"errors"
	"fmt"

	nadv1 "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/flowcontrol"
)

// An api is what Braid uses of an API server. The clients that client-go generates would link every group of Kubernetes: they
// made braidd twice as large, and most of that was resident.
type api struct {
	core, apps, nads rest.Interface
	kinds            *runtime.Scheme
}

// dial makes the clients. It makes no API call.
func dial(config *rest.Config) (*api, error) {
	all := kinds()
	builtin, err := clients(config, all, corev1.SchemeGroupVersion, appsv1.SchemeGroupVersion)
	if err != nil {
		return nil, fmt.Errorf("make the Kubernetes client: %w", err)
	}
	// A client of custom resources must not ask for protobuf, which only built-in types have.
	jsonConfig := rest.CopyConfig(config)
	jsonConfig.ContentType = runtime.ContentTypeJSON
	custom, err := clients(jsonConfig, all, nadv1.SchemeGroupVersion)
	if err != nil {
		return nil, fmt.Errorf("make the client of NetworkAttachmentDefinitions: %w", err)
	}
	return &api{core: builtin[0], apps: builtin[1], nads: custom[0], kinds: all}, nil
}

// clients makes one for each of the API groups. They share connections and the limit on requests.
func clients(config *rest.Config, kinds *runtime.Scheme, groups ...schema.GroupVersion) (all []rest.Interface, err error) {
	shared := rest.CopyConfig(config)
	if err := complete(shared); err != nil {
		return nil, err
	}
	shared.NegotiatedSerializer = serializer.NewCodecFactory(kinds).WithoutConversion()
	connections, err := rest.HTTPClientFor(shared)
	if err != nil {
		return nil, err
	}
	for _, group := range groups {
		one := rest.CopyConfig(shared)
		one.GroupVersion, one.APIPath = &group, "/apis"
		if group.Group == "" {
			one.APIPath = "/api"
		}
		client, err := rest.RESTClientForConfigAndClient(one, connections)
		if err != nil {
			return nil, err
		}
		all = append(all, client)
	}
	return all, nil
}

// complete gives the configuration what a set of generated clients would.
func complete(config *rest.Config) error {
	if config.UserAgent == "" {
		config.UserAgent = rest.DefaultKubernetesUserAgent()
	}
	if config.RateLimiter != nil || config.QPS <= 0 {
		return nil
	}
	if config.Burst <= 0 {
		return errors.New("burst is required to be greater than 0 when RateLimiter is not set and QPS is set to greater than 0")
	}
	config.RateLimiter = flowcontrol.NewTokenBucketRateLimiter(config.QPS, config.Burst)
	return nil
}

// kinds are those of the objects that are read or written, and what comes with all of them: statuses, events of watches. The
// rest of their groups would be resident for nothing.
func kinds() *runtime.Scheme {
	s := runtime.NewScheme()
	s.AddKnownTypes(corev1.SchemeGroupVersion,
		&corev1.Pod{}, &corev1.PodList{}, &corev1.Namespace{}, &corev1.NamespaceList{}, &corev1.Node{}, &corev1.Event{})
	s.AddKnownTypes(appsv1.SchemeGroupVersion, &appsv1.DaemonSet{}, &appsv1.DaemonSetList{})
	s.AddKnownTypes(nadv1.SchemeGroupVersion, &nadv1.NetworkAttachmentDefinition{}, &nadv1.NetworkAttachmentDefinitionList{})
	for _, version := range []schema.GroupVersion{corev1.SchemeGroupVersion, appsv1.SchemeGroupVersion, nadv1.SchemeGroupVersion} {
		metav1.AddToGroupVersion(s, version)
	}
	return s
}

func (a *api) pods(namespace string) resource {
	return resource{client: a.core, name: "pods", namespace: namespace, builtin: true}
}

func (a *api) namespaces() resource {
	return resource{client: a.core, name: "namespaces", builtin: true}
}

func (a *api) nodes() resource {
	return resource{client: a.core, name: "nodes", builtin: true}
}

func (a *api) daemonSets(namespace string) resource {
	return resource{client: a.apps, name: "daemonsets", namespace: namespace, builtin: true}
}

func (a *api) definitions(namespace string) resource {
	return resource{client: a.nads, name: "network-attachment-definitions", namespace: namespace}
}
