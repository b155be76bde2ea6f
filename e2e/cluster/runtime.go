package cluster

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
)

// runtimeServes says whether the node's container runtime serves kubelet. It listens a moment before it does, and a
// kubelet that starts in between ends. The question is the smallest there is, asked as gRPC frames it.
func (n *Node) runtimeServes(ctx context.Context) bool {
	emptyMessage := make([]byte, 5) // not compressed, no bytes
	request, err := http.NewRequestWithContext(ctx, http.MethodPost,
		"http://containerd/runtime.v1.RuntimeService/Version", bytes.NewReader(emptyMessage))
	if err != nil {
		return false
	}
	request.Header.Set("Content-Type", "application/grpc")
	request.Header.Set("TE", "trailers")
	transport := n.runtimeTransport()
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return false
	}
	return response.Trailer.Get("Grpc-Status") == "0"
}

func (n *Node) runtimeTransport() *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Transport{
		Protocols: protocols,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", n.Path(containerdSocket))
		},
	}
}
