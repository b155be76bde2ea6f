// Package plugin is the contract between Braid and the plugins built into it.
package plugin

import (
	"context"

	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/braid-cni/braid/ipam"
	"github.com/braid-cni/braid/kernel"
)

// A Plugin makes, checks and removes one kind of attachment. Methods are called from many goroutines,
// never twice at once for one container. They read nothing but the Request: no environment, no stdin.
type Plugin interface {
	// Add makes the attachment. When it fails, nothing that it made is left.
	Add(ctx context.Context, r *Request) (*current.Result, error)
	// Check compares the attachment with the prevResult in the configuration and reports every difference.
	Check(ctx context.Context, r *Request) error
	// Del succeeds when what it would remove is already gone. It does not delete links itself: it hands them to
	// r.Teardown, which removes the links of many attachments in one kernel call and then frees their addresses.
	Del(ctx context.Context, r *Request) error
	// GC removes what belongs to attachments of the network that are not in r.Valid. It goes on past errors.
	GC(ctx context.Context, r *GCRequest) error
	// Status fails with a CNI error of code 50 or 51 when Add would.
	Status(ctx context.Context, r *StatusRequest) error
}

// A Request is one call of a plugin for one attachment.
type Request struct {
	ContainerID string
	// Netns is the path of the pod's network namespace as the runtime wrote it, empty at DEL when it is gone. It is
	// what a result's "sandbox" says; package kernel resolves it inside the host's root.
	Netns  string
	IfName string
	// Args are the CNI_ARGS, "K=V;K=V".
	Args string
	// Path are the folders of CNI_PATH, for an IPAM plugin that is executed.
	Path []string
	// Config is the complete network configuration as a plugin gets it on stdin, with name, cniVersion,
	// runtimeConfig and prevResult.
	Config []byte
	// Alias is set as the ifalias of the host-side link, for people to read. What a link cannot take of it is left out.
	Alias string
	// Teardown takes what DEL removes. It is nil for the other verbs.
	Teardown Teardown
	// Later takes what Add need not wait for itself, such as a port that is coming up. Whoever called Add waits for it before
	// anybody is told that the attachment is made, and while the pod's other attachments are. Nil lets Add wait.
	Later func(wait func(context.Context) error)
}

// A Teardown collects what the DELs of one or more attachments remove, to do it together: deleting links costs
// the kernel about 20 ms a call, whatever their number.
type Teardown interface {
	// Links hands over host-side links by name. A name that does not exist counts as removed. The nftables elements that
	// they own go with them.
	Links(names ...string)
	// With hands over who names links that go along with these, in the same kernel call, once for all attachments that name
	// the same key: a bridge goes with its last port.
	With(key string, c kernel.Companion)
	// Then hands over what may be done only after the links are gone, such as freeing their addresses.
	Then(release func(context.Context) error)
}

// A GCRequest names the attachments of one network that still exist.
type GCRequest struct {
	Path   []string
	Config []byte
	Valid  []ipam.Attachment
}

// A StatusRequest asks whether a configuration can be served.
type StatusRequest struct {
	Path   []string
	Config []byte
}
