// Package kube is what tests say to the API server of the test cluster: apply, wait with a useful error, exec.
package kube

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"
)

// How often and how long a wait looks, unless its context ends before.
const (
	interval = 100 * time.Millisecond
	patience = 90 * time.Second
)

// A Client speaks with one cluster as its administrator.
type Client struct {
	kubernetes.Interface
	Dynamic dynamic.Interface
	Config  *rest.Config
	mapper  *restmapper.DeferredDiscoveryRESTMapper
}

// New makes a client from a kubeconfig file. It does not connect yet.
func New(kubeconfig string) (*Client, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("read kubeconfig: %w", err)
	}
	// The cluster is on this machine: no proxy of the environment leads to it, and tests are not throttled.
	config.Proxy = func(*http.Request) (*url.URL, error) { return nil, nil }
	config.QPS = -1
	typed, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make client: %w", err)
	}
	dyn, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make dynamic client: %w", err)
	}
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(typed.Discovery()))
	return &Client{Interface: typed, Dynamic: dyn, Config: config, mapper: mapper}, nil
}

// Ready says whether the API server answers that it is ready.
func (c *Client) Ready(ctx context.Context) bool {
	_, err := c.Discovery().RESTClient().Get().AbsPath("/readyz").Timeout(2 * time.Second).DoRaw(ctx)
	return err == nil
}

// until polls done until it is true or fails, and gives up after the package's patience.
func until(ctx context.Context, done wait.ConditionWithContextFunc) error {
	return wait.PollUntilContextTimeout(ctx, interval, patience, true, done)
}
