// Package bench measures how long it takes to give a pod its bridge networks and to take them away: by Braid, by the
// reference plugins, and by the bare kernel calls beneath both. It works in network namespaces of its own; see
// README.md for what is measured.
package bench

import (
	"context"
	"fmt"
)

// MaxNetworks is how many networks a pod may have: each has an octet and a place of its own in the floor's addresses and
// interface indexes.
const MaxNetworks = 10

// A Pod is what a subject gets to work on: a container ID and a network namespace with nothing but its loopback.
type Pod struct {
	ID string
	// Netns is the path of the namespace.
	Netns string
	// Number is the namespace's own, from 1 up. Pods that are there at the same time have different ones.
	Number int
	// Group is the floor's link group: links of pods that have the same can be deleted in one call.
	Group uint32
	// Args are the runtime's CNI_ARGS.
	Args [][2]string
}

// A Subject gives pods their networks. Start and Stop are called by one goroutine; Add and Del by many for different pods.
// All of them are called in the host's namespace of the benchmark.
type Subject interface {
	// Name is the subject's column in the report.
	Name() string
	// Networks is how many interfaces its pods have.
	Networks() int
	// Start prepares what a node has before any pod: folders, bridges, an agent.
	Start(ctx context.Context) error
	// Add gives the pod its networks and returns when they can be used.
	Add(ctx context.Context, pod *Pod) error
	// Del takes them away and returns when the links are gone.
	Del(ctx context.Context, pod *Pod) error
	// Stop ends what Start began. It is called also after a Start that failed.
	Stop(ctx context.Context) error
}

// A Drainer has a way to take away the networks of many pods at once.
type Drainer interface {
	Drain(ctx context.Context, pods []*Pod) error
}

// A Forgetter can make a node what it was before its first pod, while no pod is there.
type Forgetter interface {
	Forget() error
}

// ifName is the name of the interface of a pod's network, from 0 up.
func ifName(network int) string {
	if network == 0 {
		return "eth0"
	}
	return fmt.Sprintf("net%d", network)
}
