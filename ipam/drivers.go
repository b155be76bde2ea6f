package ipam

import (
	"maps"
	"slices"
	"strings"

	"github.com/containernetworking/cni/pkg/invoke"
	"github.com/containernetworking/cni/pkg/types"
)

// A Policy decides between a built-in driver and a binary of the same name in CNI_PATH.
type Policy string

const (
	// Prefer takes the built-in driver where there is one, and executes a binary for any other type.
	Prefer Policy = "prefer"
	// Only takes built-in drivers; any other type is an error.
	Only Policy = "only"
	// Never executes a binary for every type.
	Never Policy = "never"
)

// ParsePolicy reads a policy as it stands in a configuration; empty is Prefer.
func ParsePolicy(s string) (Policy, error) {
	switch p := Policy(s); p {
	case "":
		return Prefer, nil
	case Prefer, Only, Never:
		return p, nil
	}
	return "", Errorf(types.ErrInvalidNetworkConfig, "builtins: %q is no policy: write %q, %q or %q", s, Prefer, Only, Never)
}

// NewDrivers finds drivers among builtin, by ipam type, and in CNI_PATH through exec. It keeps both.
func NewDrivers(policy Policy, builtin map[string]Driver, exec invoke.Exec) Drivers {
	return &drivers{policy: policy, builtin: builtin, exec: exec}
}

// drivers is the Drivers that NewDrivers returns.
type drivers struct {
	policy  Policy
	builtin map[string]Driver
	exec    invoke.Exec
}

// Driver implements Drivers.
func (d *drivers) Driver(typ string) (Driver, error) {
	if err := fileName(typ); err != nil {
		return nil, err
	}
	driver, known := d.builtin[typ]
	switch {
	case known && d.policy != Never:
		return driver, nil
	case d.policy == Only:
		return nil, Errorf(types.ErrInvalidNetworkConfig,
			"ipam.type: %q is not built in and \"builtins\" is %q: use one of %s, or set \"builtins\" to %q",
			typ, Only, d.names(), Prefer)
	}
	return &executed{typ: typ, exec: d.exec}, nil
}

// Executed says whether a driver executes a binary. That one may want to see the pod's interface, as dhcp does.
func Executed(d Driver) bool {
	_, executed := d.(*executed)
	return executed
}

// names lists the built-in types for an error message.
func (d *drivers) names() string {
	return strings.Join(slices.Sorted(maps.Keys(d.builtin)), ", ")
}

// fileName refuses a type that would lead out of the folders of CNI_PATH.
func fileName(typ string) error {
	var why string
	switch {
	case typ == "":
		why = "is empty: name an IPAM plugin"
	case typ == "." || typ == "..", strings.ContainsAny(typ, "/\\\x00"):
		why = "is no file name: name a plugin in CNI_PATH, not a path to one"
	default:
		return nil
	}
	return Errorf(types.ErrInvalidNetworkConfig, "ipam.type: %q %s", typ, why)
}
