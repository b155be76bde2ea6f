package conformance

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// object is a JSON object whose keys are kept as they are, known or not.
type object = map[string]any

// A network is a configuration as a runtime holds it: what is common to all plugins, and the plugins in their order.
type network struct {
	name, version string
	plugins       []object
	capabilities  map[string]any
	// ipam says that the only plugin is an IPAM plugin that the runtime itself calls.
	ipam bool
}

// parseNetwork reads a configuration or a list of them.
func parseNetwork(config []byte, capabilities map[string]any) (*network, error) {
	whole, err := decodeObject(config)
	if err != nil {
		return nil, fmt.Errorf("read the network configuration: %w", err)
	}
	n := &network{plugins: []object{whole}, capabilities: capabilities}
	n.name, _ = whole["name"].(string)
	if list, ok := whole["plugins"].([]any); ok && whole["type"] == nil {
		n.plugins = nil
		for _, p := range list {
			plugin, _ := p.(object)
			n.plugins = append(n.plugins, plugin)
		}
	}
	var errs []error
	if n.name == "" {
		errs = append(errs, errors.New("the network configuration has no name"))
	}
	if len(n.plugins) == 0 {
		errs = append(errs, errors.New("the network configuration has no plugins"))
	}
	for i, p := range n.plugins {
		if typ, _ := p["type"].(string); typ == "" || strings.Contains(typ, "/") {
			errs = append(errs, fmt.Errorf("plugin %d has no type, or one that is no file name", i))
		}
	}
	n.ipam = len(n.plugins) == 1 && n.plugins[0]["type"] == ipamType(n.plugins[0]) && n.plugins[0]["type"] != nil
	return n, errors.Join(errs...)
}

func decodeObject(data []byte) (object, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var o object
	if err := d.Decode(&o); err != nil {
		return nil, err
	}
	return o, nil
}

// ipamType is the type of a configuration's IPAM plugin, nil for none.
func ipamType(o object) any {
	ipam, _ := o["ipam"].(object)
	return ipam["type"]
}

// find fails when a plugin is not in the folders.
func (n *network) find(dirs []string) error {
	var errs []error
	for _, p := range n.plugins {
		if _, err := findPlugin(p["type"].(string), dirs); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func findPlugin(typ string, dirs []string) (string, error) {
	for _, dir := range dirs {
		path := filepath.Join(dir, typ)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path, nil
		}
	}
	return "", fmt.Errorf("plugin %q is in none of %s", typ, strings.Join(dirs, ", "))
}

// types are the plugins' names.
func (n *network) types() []string {
	var types []string
	for _, p := range n.plugins {
		types = append(types, p["type"].(string))
	}
	return types
}

// clone is a deep copy that may be edited.
func (n *network) clone() *network {
	c := *n
	c.plugins = nil
	for _, p := range n.plugins {
		c.plugins = append(c.plugins, copyValue(p).(object))
	}
	return &c
}

func copyValue(v any) any {
	switch v := v.(type) {
	case object:
		c := make(object, len(v))
		for key, value := range v {
			c[key] = copyValue(value)
		}
		return c
	case []any:
		c := make([]any, len(v))
		for i := range v {
			c[i] = copyValue(v[i])
		}
		return c
	}
	return v
}

// at is the network at a version of the specification.
func (n *network) at(version string) *network {
	c := n.clone()
	c.version = version
	return c
}

// named is the same configuration for a network of another name.
func (n *network) named(name string) *network {
	c := n.clone()
	c.name = name
	return c
}

// request is what a runtime sends to the i-th plugin: its object with name, version, what it declared capabilities for,
// and a previous result unless that is nil.
func (n *network) request(i int, prev json.RawMessage) object {
	config := maps.Clone(n.plugins[i])
	config["name"], config["cniVersion"] = n.name, n.version
	declared, _ := config["capabilities"].(object)
	delete(config, "capabilities")
	offered := object{}
	for key, value := range n.capabilities {
		if declared[key] == true {
			offered[key] = value
		}
	}
	if len(offered) > 0 {
		config["runtimeConfig"] = offered
	}
	if prev != nil {
		config["prevResult"] = prev
	}
	return config
}

// delegating returns the objects, at any depth, that name an IPAM plugin to delegate to.
func (n *network) delegating() []object {
	if n.ipam {
		return nil
	}
	var found []object
	for _, p := range n.plugins {
		eachObject(p, func(o object) {
			if typ, _ := ipamType(o).(string); typ != "" {
				found = append(found, o)
			}
		})
	}
	return found
}

// withIPAM is the network with another type of IPAM plugin, and further edits of the objects that name it.
func (n *network) withIPAM(typ string, edits ...func(object)) *network {
	c := n.clone()
	for _, o := range c.delegating() {
		o["ipam"] = object{"type": typ}
		for _, edit := range edits {
			edit(o)
		}
	}
	return c
}

// lists returns the lists of plugins that stand inside plugins' configurations, for plugins that are runtimes themselves.
func (n *network) lists() []object {
	var found []object
	for _, p := range n.plugins {
		eachObject(p, func(o object) {
			if list, ok := o["plugins"].([]any); ok && len(list) > 0 {
				found = append(found, o)
			}
		})
	}
	return found
}

// eachObject visits an object and all below it, in the order of their keys.
func eachObject(v any, visit func(object)) {
	switch v := v.(type) {
	case object:
		visit(v)
		for _, key := range slices.Sorted(maps.Keys(v)) {
			eachObject(v[key], visit)
		}
	case []any:
		for _, value := range v {
			eachObject(value, visit)
		}
	}
}

// masters are the links that the configuration hangs pods on, by the usual keys.
func (n *network) masters() []string {
	var names []string
	for _, p := range n.plugins {
		eachObject(p, func(o object) {
			for _, key := range []string{"master", "bridge"} {
				if name, _ := o[key].(string); name != "" {
					names = append(names, name)
				}
			}
		})
	}
	return names
}
