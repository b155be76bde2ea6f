// Package ipam gives attachments their addresses. Each source of addresses is a Driver: host-local and static
// are built in, any other type is an IPAM plugin binary executed from CNI_PATH.
package ipam

import (
	"context"

	current "github.com/containernetworking/cni/pkg/types/100"
)

// A Driver gives, checks and takes back the addresses of one attachment. Methods are called from many
// goroutines, never twice at once for one container. They read nothing but the Request: no environment, no stdin.
type Driver interface {
	// Add reserves addresses durably before it returns. The result has no interfaces (CNI spec 1.1, section 4).
	// When Add fails nothing stays reserved.
	Add(ctx context.Context, r *Request) (*current.Result, error)
	// Check fails when the attachment's addresses are not reserved for it.
	Check(ctx context.Context, r *Request) error
	// Del frees the attachment's addresses, and succeeds when there are none.
	Del(ctx context.Context, r *Request) error
	// GC frees the addresses of every attachment of the network that is not listed in r.Valid.
	GC(ctx context.Context, r *GCRequest) error
	// Status fails with a CNI error of code 50 or 51 when Add would.
	Status(ctx context.Context, r *StatusRequest) error
}

// A Request is one call of a driver for one attachment.
type Request struct {
	ContainerID string
	// Netns is the path of the pod's network namespace, empty at DEL when it is gone.
	Netns  string
	IfName string
	// Args are the CNI_ARGS, "K=V;K=V".
	Args string
	// Path are the folders of CNI_PATH.
	Path []string
	// Config is the complete network configuration that the plugin got, not only its ipam part.
	Config []byte
}

// A GCRequest names the attachments of one network that still exist.
type GCRequest struct {
	Path   []string
	Config []byte
	Valid  []Attachment
}

// An Attachment is named by container and interface; the network is in the configuration beside it.
type Attachment struct {
	ContainerID string
	IfName      string
}

// A StatusRequest asks whether addresses can be given for a configuration.
type StatusRequest struct {
	Path   []string
	Config []byte
}

// Drivers finds the driver of an ipam type.
type Drivers interface {
	// Driver returns the built-in driver of that type, or one that executes the binary of that name. It
	// fails only for a type that cannot be a file name.
	Driver(typ string) (Driver, error)
}
