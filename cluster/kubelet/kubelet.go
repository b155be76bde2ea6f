// Package kubelet asks the node's kubelet which devices it allocated to a pod.
package kubelet

import (
	"context"
	"fmt"
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	podresources "k8s.io/kubelet/pkg/apis/podresources/v1"
)

const (
	// Socket is where kubelet answers, a path of the host.
	Socket = "/var/lib/kubelet/pod-resources/kubelet.sock"

	answerWithin = 10 * time.Second
	maxAnswer    = 16 << 20 // all pods of a node, each with all its CPUs and devices
)

// A Client asks kubelet's PodResourcesLister service (pod-resources API v1, stable since Kubernetes 1.28).
type Client struct {
	conn   *grpc.ClientConn
	lister podresources.PodResourcesListerClient
}

// New makes a client of the socket. It connects at the first question.
func New(socket string) (*Client, error) {
	// The socket is root's; there is nobody else to hide from.
	conn, err := grpc.NewClient("unix://"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer)))
	if err != nil {
		return nil, fmt.Errorf("make the client of kubelet's pod resources: %w", err)
	}
	return &Client{conn: conn, lister: podresources.NewPodResourcesListerClient(conn)}, nil
}

// Close ends the connection.
func (c *Client) Close() error { return c.conn.Close() }

// Devices returns the IDs of the devices that the pod's containers have, sorted, by resource; none for a pod that kubelet
// does not know. It blocks for ten seconds at the most.
func (c *Client) Devices(ctx context.Context, namespace, name string) (map[string][]string, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	all, err := c.lister.List(ctx, &podresources.ListPodResourcesRequest{})
	if err != nil {
		return nil, fmt.Errorf("ask kubelet for the devices of pod %s/%s: %w", namespace, name, err)
	}
	devices := map[string][]string{}
	for _, pod := range all.GetPodResources() {
		if pod.GetNamespace() != namespace || pod.GetName() != name {
			continue
		}
		for _, container := range pod.GetContainers() {
			for _, d := range container.GetDevices() {
				devices[d.GetResourceName()] = append(devices[d.GetResourceName()], d.GetDeviceIds()...)
			}
		}
	}
	for _, ids := range devices {
		slices.Sort(ids)
	}
	return devices, nil
}
