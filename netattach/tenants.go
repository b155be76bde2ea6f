package netattach

import (
	"encoding/json"
	"maps"
	"path"
	"slices"
)

// Allowed is what the NADs of tenants may name: those of namespaces with the label braid.dev/tenant. But for Paths, which hold what is beneath them too, an entry is a name
// or a pattern of path.Match, such as "br-blue-*".
type Allowed struct {
	// Plugins are types of plugins, IPAM plugins among them.
	Plugins []string `json:"plugins,omitempty"`
	// Bridges, Masters and Devices are links and devices of the host.
	Bridges []string `json:"bridges,omitempty"`
	Masters []string `json:"masters,omitempty"`
	Devices []string `json:"devices,omitempty"`
	Paths   []string `json:"paths,omitempty"`
}

// A guard holds a field of configurations to one list of what is allowed.
type guard struct {
	field string
	list  func(*Allowed) []string
	key   string // of the list, for the administrator
	// holds says whether an entry of the list covers a value.
	holds func(list []string, value string) bool
}

// guards are for the fields of the reference plugins and of those most used beside them: bond, whereabouts, ovs, calico.
func guards() (all []guard) {
	add := func(key string, list func(*Allowed) []string, holds func([]string, string) bool, fields ...string) {
		for _, field := range fields {
			all = append(all, guard{field, list, key, holds})
		}
	}
	beneath := func(list []string, value string) bool { return isCleanPath(value) && isBeneath(value, list) }
	add("bridges", func(a *Allowed) []string { return a.Bridges }, matches, "bridge")
	add("masters", func(a *Allowed) []string { return a.Masters }, matches, "master", "links")
	add("devices", func(a *Allowed) []string { return a.Devices }, matches, "device", "hwaddr", "pciBusID", "deviceID")
	add("paths", func(a *Allowed) []string { return a.Paths }, beneath, "log_file", "logFile", "configuration_path", "socket_file", "kubeconfig")
	return all
}

// unset are fields that mean a link of the host when they are left out.
func unset(plugin string) (field, meaning string) {
	switch plugin {
	case "bridge", "braid-bridge":
		return "bridge", "cni0"
	case "macvlan", "ipvlan":
		return "master", "the link of the default route"
	}
	return "", ""
}

// tenant holds the configuration of a tenant's NAD to what is allowed there.
func (r report) tenant(l *confList, whole any, allowed *Allowed) {
	for i, p := range l.plugins {
		p.mustName(r.in("plugin %d", i+1), 0)
	}
	for _, typ := range l.types() {
		if !matches(allowed.Plugins, typ) {
			r.add("type %s: tenants may use plugins %q only: ask the administrator to extend tenants.allow.plugins", quote(typ), allowed.Plugins)
		}
	}
	r.guarded(whole, allowed, 0)
}

// mustName refuses a plugin that would choose a link of the host by itself, and those that it delegates to.
func (o object) mustName(r report, depth int) {
	if field, meaning := unset(o.text("type")); field != "" && !o.has(field) {
		r.add("%s: is not set and means %s: a tenant's network must name one that tenants.allow lists", field, meaning)
	}
	if inner, err := parseObject(o["delegate"]); err == nil && depth < maxNesting {
		inner.mustName(r.in("delegate"), depth+1)
	}
}

// guarded checks guarded fields at any depth, as paths does.
func (r report) guarded(v any, allowed *Allowed, depth int) {
	if depth > maxNesting {
		return // paths says so
	}
	switch v := v.(type) {
	case []any:
		for i, inner := range v {
			r.in("%d", i+1).guarded(inner, allowed, depth+1)
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if g := guardOf(key); g != nil {
				r.guardedField(key, g, v[key], allowed)
			} else {
				r.in("%s", quote(key)).guarded(v[key], allowed, depth+1)
			}
		}
	}
}

func guardOf(key string) *guard {
	all := guards()
	for i := range all {
		if folded(key, slices.Values([]string{all[i].field})) != "" {
			return &all[i]
		}
	}
	return nil
}

func (r report) guardedField(key string, g *guard, v any, allowed *Allowed) {
	if elements, isList := v.([]any); isList && g.field == "links" { // of bond: [{"name": "eth1"}]
		for _, e := range elements {
			link, _ := e.(map[string]any)
			r.guardedField(key, g, link["name"], allowed)
		}
		return
	}
	text, isText := v.(string)
	switch list := g.list(allowed); {
	case key != g.field:
		r.add("key %s must be written %q", quote(key), g.field)
	case !isText:
		r.add("%s: is not a string", g.field)
	case !g.holds(list, text):
		r.add("%s: tenants may use %q only, not %s: ask the administrator to extend tenants.allow.%s", g.field, list, quote(text), g.key)
	}
}

// matches says whether one of the patterns is of that name; "*" is of every name.
func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		ok, err := path.Match(p, name)
		return p == "*" || ok && err == nil
	})
}

// executed refuses plugins of a NAD that are neither built in nor allowed: they run as the host's root.
func (in *Input) executed(r report, l *confList) {
	for _, typ := range l.types() {
		builtIn := in.Config.Builtins != BuiltinsNever && slices.Contains(in.Builtin, typ)
		if !builtIn && !matches(in.Config.PluginsAllow, typ) {
			r.add("type %s: is neither built in nor one of the plugins %q: ask the administrator to extend plugins.allow", quote(typ), in.Config.PluginsAllow)
		}
	}
}

// types are the types of all plugins that the list leads to: those of the chain, and what they delegate to.
func (l *confList) types() []string {
	all := map[string]bool{}
	for _, p := range l.plugins {
		p.types(all, 0)
	}
	return slices.Sorted(maps.Keys(all))
}

func (o object) types(into map[string]bool, depth int) {
	if typ := o.text("type"); typ != "" {
		into[typ] = true
	}
	for _, key := range []string{"ipam", "delegate"} {
		var inner object
		if depth < maxNesting && json.Unmarshal(o[key], &inner) == nil {
			inner.types(into, depth+1)
		}
	}
}

// tenants reads what the NADs of tenants may name.
func (r report) tenants(o object) (a Allowed) {
	var paths []string
	for _, key := range r.read(o, map[string]any{
		"plugins": &a.Plugins, "bridges": &a.Bridges, "masters": &a.Masters, "devices": &a.Devices, "paths": &paths,
	}) {
		r.add("unknown key %s", quote(key))
	}
	a.Paths = r.in("paths").allowed(paths)
	for _, list := range [][]string{a.Plugins, a.Bridges, a.Masters, a.Devices} {
		r.patterns(list)
	}
	return a
}

func (r report) patterns(list []string) []string {
	for _, p := range list {
		if _, err := path.Match(p, ""); err != nil || p == "" {
			r.add("%s is not a name or a pattern such as \"br-blue-*\"", quote(p))
		}
	}
	return list
}
