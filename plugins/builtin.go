// Package plugins is the table of the plugins that are built in.
package plugins

import (
	"github.com/braid-cni/braid/ipam"
	"github.com/braid-cni/braid/kernel"
	"github.com/braid-cni/braid/plugins/bridge"
	"github.com/braid-cni/braid/plugins/plugin"
)

// Deps are what the built-in plugins work with.
type Deps struct {
	Kernel kernel.Kernel
	// Drivers finds the IPAM driver that a configuration names.
	Drivers ipam.Drivers
	// IPAM are the drivers that are built in, by type. Each is a plugin too, for a runtime or another plugin to call.
	IPAM map[string]ipam.Driver
}

// Builtin returns the plugins by type. Each also answers to "braid-" and its type, the name of its binary outside Braid.
func Builtin(d Deps) map[string]plugin.Plugin {
	builtin := map[string]plugin.Plugin{
		"bridge": bridge.New(d.Kernel, d.Drivers),
	}
	for typ, driver := range d.IPAM {
		builtin[typ] = addresses{driver}
	}
	table := make(map[string]plugin.Plugin, 2*len(builtin))
	for typ, p := range builtin {
		table[typ], table["braid-"+typ] = p, p
	}
	return table
}
