//go:build !nocluster

package main

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/braid-cni/braid/agent"
	"github.com/braid-cni/braid/cluster"
	"github.com/braid-cni/braid/cluster/kube"
	"github.com/braid-cni/braid/cluster/kubelet"
)

// cluster is the Kubernetes cluster that the node is in, with the task that keeps the view up to date.
func (o *options) cluster() (cluster.View, []agent.Task, error) {
	if o.nodeName == "" {
		return nil, nil, errors.New("the node's name is unknown: set --node-name or $NODE_NAME")
	}
	config, err := o.client()
	if err != nil {
		return nil, nil, err
	}
	view, err := kube.New(config, o.nodeName)
	if err != nil {
		return nil, nil, err
	}
	return view, []agent.Task{view}, nil
}

func (o *options) clusterInstallation(namespace, name string, log *slog.Logger) (installation, error) {
	config, err := o.client()
	if err != nil {
		return nil, err
	}
	return kube.NewInstallation(config, namespace, name, log)
}

// kubelet knows which devices pods were given; without a cluster there is none.
func (o *options) kubelet() (agent.Devices, error) {
	if o.files != "" {
		return nil, nil
	}
	return kubelet.New(filepath.Join(o.root, kubelet.Socket))
}

// The requests that an agent makes of the API server in a second at the most, and at once. They are kubelet's: the library's
// own, 5 and 10, would keep the status of the last of 110 pods waiting for 20 s.
const (
	requestsASecond = 50
	requestsAtOnce  = 100
)

// client is how the API server is reached.
func (o *options) client() (*rest.Config, error) {
	config, err := clientcmd.BuildConfigFromFlags("", o.kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("configure the Kubernetes client (is --kubeconfig right?): %w", err)
	}
	config.UserAgent = "braidd/" + version()
	config.QPS, config.Burst = requestsASecond, requestsAtOnce
	return config, nil
}
