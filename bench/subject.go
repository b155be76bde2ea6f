// Package bench measures how long it takes to give a pod its bridge networks and to take them away: by Braid, by the
// reference plugins, and by the bare kernel calls beneath both. It works in network namespaces of its own; see
// README.md for what is measured.
package bench

import "context"

// A Pod is what a subject gets to work on: a container ID and a network namespace with nothing but its loopback.
type Pod struct {
	ID string
	// Netns is the path of the namespace.
	Netns string
	// Number is the pod's own, from 1 up.
	Number int
}

// A Subject gives pods their networks. All its methods are called in the host's namespace of the benchmark, by one
// goroutine at a time.
type Subject interface {
	// Name is the subject's column in the report.
	Name() string
	// Start prepares what a node has before any pod: folders, bridges, an agent.
	Start(ctx context.Context) error
	// Add gives the pod its networks and returns when they can be used.
	Add(ctx context.Context, pod *Pod) error
	// Del takes them away and returns when the links are gone.
	Del(ctx context.Context, pod *Pod) error
	// Stop ends what Start began. It is called also after a Start that failed.
	Stop(ctx context.Context) error
}

// ifName is the name of the interface of a pod's network, from 0 up.
func ifName(network int) string {
	return [...]string{"eth0", "net1", "net2", "net3"}[network]
}
