// Package plugins is the table of the plugins built into Braid.
package plugins

import (
	"github.com/braid-cni/braid/ipam"
	"github.com/braid-cni/braid/kernel"
	"github.com/braid-cni/braid/plugins/bridge"
	"github.com/braid-cni/braid/plugins/plugin"
)

// Deps is what built-in plugins work with.
type Deps struct {
	Kernel kernel.Kernel
	// Drivers finds the IPAM driver that a configuration names.
	Drivers ipam.Drivers
	// IPAM are the built-in drivers by type. Each is a plugin too, for other plugins and runtimes to call.
	IPAM map[string]ipam.Driver
}

// Builtin returns the built-in plugins by type. A plugin answers to its short name and to "braid-" and that
// name, which is the name of its file outside Braid; both are the same value, for the sake of its locks. It is to
// be called once in a process. An IPAM driver does not replace a plugin of the same name.
func Builtin(d Deps) map[string]plugin.Plugin {
	bridges := bridge.New(d.Kernel, d.Drivers)
	table := map[string]plugin.Plugin{
		"bridge":       bridges,
		"braid-bridge": bridges,
	}
	for typ, driver := range d.IPAM {
		if table[typ] == nil {
			table[typ] = ipamPlugin{driver}
		}
	}
	return table
}
