package cluster

import (
	"context"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// dialRuntime connects to the node's container runtime, to speak with it as kubelet does.
func (n *Node) dialRuntime() (*grpc.ClientConn, error) {
	conn, err := grpc.NewClient("unix://"+n.Path(containerdSocket), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, fmt.Errorf("connect to containerd of %s: %w", n.Name, err)
	}
	return conn, nil
}

// runtimeServes says whether the node's container runtime serves kubelet. It listens a moment before it does, and a
// kubelet that starts in between ends.
func (n *Node) runtimeServes(ctx context.Context) bool {
	conn, err := n.dialRuntime()
	if err != nil {
		return false
	}
	defer conn.Close()
	_, err = cri.NewRuntimeServiceClient(conn).Version(ctx, &cri.VersionRequest{})
	return err == nil
}
