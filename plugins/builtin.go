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

// Builtin returns the built-in plugins by type. Each also answers to "braid-" and its type, the name of its file
// outside Braid; both are the same value, for the sake of its locks. It is to be called once in a process.
func Builtin(d Deps) map[string]plugin.Plugin {
	builtin := make(map[string]plugin.Plugin)
	for typ, driver := range d.IPAM {
		builtin[typ] = addresses{driver}
	}
	// After the drivers, so that none of them replaces a plugin of the same name.
	builtin["bridge"] = bridge.New(d.Kernel, d.Drivers)
	table := make(map[string]plugin.Plugin, 2*len(builtin))
	for typ, p := range builtin {
		table[typ], table["braid-"+typ] = p, p
	}
	return table
}
