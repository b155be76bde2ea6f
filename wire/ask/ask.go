// Package ask puts questions to a node's agent: those of braidctl, beside the calls of CNI. It stands apart from package wire
// because the door, which every pod waits for, links that.
package ask

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"

	"github.com/braid-cni/braid/wire"
)

// Inspection asks the agent at a socket about one pod, or about all that match what is not empty of namespace and name.
func Inspection(ctx context.Context, socket, namespace, name string) (*wire.Inspection, error) {
	return question[wire.Inspection](ctx, socket, wire.Inspect, pod(namespace, name))
}

// Node asks the agent at a socket about its node.
func Node(ctx context.Context, socket string) (*wire.NodeReport, error) {
	return question[wire.NodeReport](ctx, socket, wire.InspectNode, "")
}

// Network asks the agent at a socket about one network.
func Network(ctx context.Context, socket, network string) (*wire.NetworkReport, error) {
	return question[wire.NetworkReport](ctx, socket, wire.InspectNetwork, "NETWORK="+network)
}

// Trace asks the agent at a socket about the last ADD of one pod.
func Trace(ctx context.Context, socket, namespace, name string) (*wire.Trace, error) {
	return question[wire.Trace](ctx, socket, wire.InspectTrace, pod(namespace, name))
}

func pod(namespace, name string) string {
	return "K8S_POD_NAMESPACE=" + namespace + ";K8S_POD_NAME=" + name
}

// question asks the agent at a socket, and reads its answer.
func question[T any](ctx context.Context, socket, command, args string) (*T, error) {
	r, err := call(ctx, socket, &wire.Request{
		Version: wire.Version, Program: "braidctl", Command: command, Args: args, Config: []byte("{}"),
	})
	if err != nil {
		return nil, fmt.Errorf("ask the agent at %s (is braidd running?): %w", socket, err)
	}
	if r.Failed {
		return nil, refusal(r.Output)
	}
	answer := new(T)
	if err := json.Unmarshal(r.Output, answer); err != nil {
		return nil, fmt.Errorf("read the agent's answer to %s: %w", command, err)
	}
	return answer, nil
}

// call makes one call, which ends with ctx.
func call(ctx context.Context, socket string, r *wire.Request) (*wire.Response, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	if err := wire.Write(conn, r); err != nil {
		return nil, err
	}
	answer := new(wire.Response)
	if err := wire.Read(conn, answer); err != nil {
		return nil, errors.Join(ctx.Err(), err)
	}
	return answer, nil
}

// refusal is the error that an answer carries.
func refusal(output []byte) error {
	var e wire.Error
	if err := json.Unmarshal(output, &e); err != nil || e.Msg == "" {
		return fmt.Errorf("the agent refused: %s", output)
	}
	return errors.New(e.Msg)
}
