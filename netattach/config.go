package netattach

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// A Config is the CNI network configuration of the meta plugin, as the runtime sends it on stdin, with defaults
// applied. ParseConfig makes it.
type Config struct {
	// Multus says that the type is multus or multus-shim, so that Multus's defaults and name rules hold.
	Multus bool
	// CNIVersion and Name are those of the network as the runtime knows it.
	CNIVersion, Name string

	// ClusterNetwork is the default network of every pod. It is zero in a chain behind another CNI's plugins, which
	// made the default network already.
	ClusterNetwork Source
	// Delegates are further networks of every pod (Multus's "delegates" from the second on).
	Delegates []Source
	// DefaultNetworks are further networks of the pods outside of SystemNamespaces.
	DefaultNetworks  []Source
	SystemNamespaces []string
	// Namespace is where names without a namespace are looked for under Multus; empty otherwise.
	Namespace string

	// NamespaceIsolation lets a pod select NADs of its own namespace and of GlobalNamespaces only.
	NamespaceIsolation bool
	GlobalNamespaces   []string
	// LenientCapabilities lets ips and mac be passed in CNI_ARGS to plugins without the capability, and drops the rest.
	LenientCapabilities bool
	// PathsAllow are the files and folders that path-valued fields of NADs may name, themselves or beneath.
	PathsAllow []string
	// PluginsAllow are the types, or patterns of path.Match, that NADs may name beside built-in plugins.
	PluginsAllow []string
	// Tenants is what tenants' NADs may name.
	Tenants Allowed

	// Timeout bounds one operation of one pod.
	Timeout time.Duration
	// Builtins says which of a built-in plugin and a file of the same name in CNI_PATH is used.
	Builtins Builtins
	// StatusPublish says whether ADD waits until network-status is written.
	StatusPublish StatusPublish
	// ConfDir holds configurations found by name, BinDir plugins; ReadinessFile exists when the default network works.
	ConfDir, BinDir, ReadinessFile string

	// RuntimeConfig holds the capability arguments of the runtime, meant for the default network (clause 66).
	RuntimeConfig map[string]json.RawMessage
	// PrevResult is what the plugins before this one in a chain made; nil without a chain.
	PrevResult json.RawMessage
}

// Builtins decides between a built-in plugin and a plugin file of the same name.
type Builtins string

// The values of Builtins.
const (
	BuiltinsPrefer Builtins = "prefer"
	BuiltinsOnly   Builtins = "only"
	BuiltinsNever  Builtins = "never"
)

// StatusPublish decides when network-status is written.
type StatusPublish string

// The values of StatusPublish.
const (
	StatusAsync StatusPublish = "async"
	StatusSync  StatusPublish = "sync"
)

// ParseConfig reads the configuration of type braid (DESIGN section 4), or of type multus or multus-shim with
// Multus's keys and defaults. Keys that mean nothing here are warnings; the error is Mistakes.
//
// Keys and their defaults under braid, and under multus where they differ:
//
//	clusterNetwork          none            configuration or list, "namespace/name", "/path"; multus: also "name"
//	delegates               (unknown key)   multus: [] list of configurations, the first is the cluster network
//	defaultNetworks         []              list of what clusterNetwork takes
//	systemNamespaces        ["kube-system", "braid-system"]; multus: ["kube-system"]
//	multusNamespace         (unknown key)   multus: "kube-system"
//	namespaceIsolation      true            multus: false
//	globalNamespaces        []              list, or string with commas; multus: ["default"]
//	lenientCapabilities     false           multus: true
//	pathsAllow              see defaultPathsAllow
//	pluginsAllow            ["*"]           patterns of path.Match
//	tenantsAllow            {}              object of lists: plugins, bridges, masters, devices, paths
//	timeout                 "60s"           Go duration
//	builtins                "prefer"        "only", "never"
//	statusPublish           "async"         "sync"
//	confDir                 "/etc/cni/braid/net.d"; multus: "/etc/cni/multus/net.d"
//	binDir                  "/opt/cni/bin"
//	readinessindicatorfile  none            absolute path
//	cniVersion, name, runtimeConfig, prevResult as CNI says
func ParseConfig(stdin []byte) (Config, []string, error) {
	o, err := parseObject(stdin)
	if err != nil {
		return Config{}, nil, fmt.Errorf("read network configuration: %w", err)
	}
	r := newReport().in("network configuration")
	var raw rawConfig
	warnings := raw.read(r, o)
	c := raw.parse(r, &warnings)
	return c, warnings, r.err()
}

// A rawConfig is the configuration as it is written; nil is an absent key.
type rawConfig struct {
	typ, name, cniVersion, namespace, timeout, builtins, status, confDir, binDir, readiness *string

	isolation, lenient       *bool
	clusterNetwork           json.RawMessage
	defaults, delegates      []json.RawMessage
	global, system           nameList
	pathsAllow, pluginsAllow *[]string
	tenants, runtimeConfig   object
	previous                 object
}

func (c *rawConfig) targets() map[string]any {
	return map[string]any{
		"type":                   &c.typ,
		"name":                   &c.name,
		"cniVersion":             &c.cniVersion,
		"clusterNetwork":         &c.clusterNetwork,
		"defaultNetworks":        &c.defaults,
		"systemNamespaces":       &c.system,
		"namespaceIsolation":     &c.isolation,
		"globalNamespaces":       &c.global,
		"lenientCapabilities":    &c.lenient,
		"pathsAllow":             &c.pathsAllow,
		"pluginsAllow":           &c.pluginsAllow,
		"tenantsAllow":           &c.tenants,
		"timeout":                &c.timeout,
		"builtins":               &c.builtins,
		"statusPublish":          &c.status,
		"confDir":                &c.confDir,
		"binDir":                 &c.binDir,
		"readinessindicatorfile": &c.readiness,
		"runtimeConfig":          &c.runtimeConfig,
		"prevResult":             &c.previous,
	}
}

// silent are keys of CNI itself, and of Multus, that need no warning although nothing here reads them: they steer the
// runtime, or Multus's own logging and storage.
var silent = map[string]bool{
	"capabilities": true, "dns": true, "ipam": true, "args": true, "cniVersions": true, "disableCheck": true, "disableGC": true,
	"cniDir": true, "kubeconfig": true, "logToStderr": true, "logFile": true, "logLevel": true, "logOptions": true,
	"retryDeleteOnError": true, "daemonSocketDir": true,
}

// read fills c and warns of keys it does not know. Keys in other upper and lower case count, as they do for Multus.
func (c *rawConfig) read(r report, o object) (warnings []string) {
	targets := c.targets()
	if typ := string(o["type"]); strings.HasPrefix(typ, `"multus`) {
		targets["delegates"] = &c.delegates
		targets["multusNamespace"] = &c.namespace
	}
	for _, key := range r.read(o, targets) {
		like := folded(key, maps.Keys(targets))
		_, exact := o[like]
		switch {
		case like != "" && !exact:
			warnings = append(warnings, fmt.Sprintf("key %s is read as %q", quote(key), like))
			r.read(object{like: o[key]}, targets)
		case !silent[key] && !strings.Contains(key, "."):
			warnings = append(warnings, fmt.Sprintf("key %s means nothing here and is ignored", quote(key)))
		}
	}
	return warnings
}

func (c *rawConfig) parse(r report, warnings *[]string) Config {
	out := Config{
		Multus:        c.multus(r),
		CNIVersion:    value(c.cniVersion, ""),
		Name:          r.in("name").cniName(value(c.name, "")),
		RuntimeConfig: c.runtimeConfig,
		Timeout:       r.in("timeout").duration(value(c.timeout, "60s")),
		Builtins:      oneOf(r.in("builtins"), c.builtins, BuiltinsPrefer, BuiltinsOnly, BuiltinsNever),
		StatusPublish: oneOf(r.in("statusPublish"), c.status, StatusAsync, StatusSync),
		BinDir:        r.in("binDir").path(value(c.binDir, "/opt/cni/bin")),
	}
	if c.readiness != nil && *c.readiness != "" {
		out.ReadinessFile = r.in("readinessindicatorfile").path(*c.readiness)
	}
	if c.previous != nil {
		out.PrevResult, _ = json.Marshal(c.previous)
	}
	c.policy(r, &out)
	c.networks(r, &out, warnings)
	return out
}

func (c *rawConfig) multus(r report) bool {
	typ := value(c.typ, "")
	if !IsMeta(typ) {
		r.add("type: %s is not %q, %q or %q", quote(typ), TypeBraid, TypeMultus, TypeMultusShim)
	}
	return typ == TypeMultus || typ == TypeMultusShim
}

// policy sets what depends on the type: who may use what.
func (c *rawConfig) policy(r report, out *Config) {
	confDir, system, global := "/etc/cni/braid/net.d", []string{"kube-system", "braid-system"}, []string(nil)
	if out.Multus {
		confDir, system, global = "/etc/cni/multus/net.d", []string{"kube-system"}, []string{"default"}
		out.Namespace = r.in("multusNamespace").labels([]string{value(c.namespace, "kube-system")})[0]
	}
	out.ConfDir = r.in("confDir").path(value(c.confDir, confDir))
	out.SystemNamespaces = r.in("systemNamespaces").labels(c.system.or(system))
	out.GlobalNamespaces = r.in("globalNamespaces").labels(c.global.or(global))
	out.NamespaceIsolation = value(c.isolation, !out.Multus)
	out.LenientCapabilities = value(c.lenient, out.Multus)
	out.PathsAllow = defaultPathsAllow()
	if c.pathsAllow != nil {
		out.PathsAllow = r.in("pathsAllow").allowed(*c.pathsAllow)
	}
	out.PluginsAllow = r.in("pluginsAllow").patterns(value(c.pluginsAllow, []string{"*"}))
	out.Tenants = r.in("tenantsAllow").tenants(c.tenants)
}

// networks sets the administrator's networks. Of Multus's two ways to name the cluster network, clusterNetwork wins.
func (c *rawConfig) networks(r report, out *Config, warnings *[]string) {
	if string(c.clusterNetwork) == `""` {
		c.clusterNetwork = nil
	}
	if c.clusterNetwork != nil {
		out.ClusterNetwork = r.in("clusterNetwork").source(c.clusterNetwork, out.Multus)
	}
	for i, raw := range c.defaults {
		out.DefaultNetworks = append(out.DefaultNetworks, r.in("defaultNetworks %d", i+1).source(raw, out.Multus))
	}
	if c.clusterNetwork != nil && c.delegates != nil {
		*warnings = append(*warnings, "delegates are ignored: clusterNetwork is set")
		return
	}
	for i, raw := range c.delegates {
		out.Delegates = append(out.Delegates, r.in("delegates %d", i+1).inline(raw))
	}
	if len(out.Delegates) > 0 {
		out.ClusterNetwork, out.Delegates = out.Delegates[0], out.Delegates[1:]
	}
}

func (r report) inline(data []byte) Source {
	if _, err := parseObject(data); err != nil {
		r.add("%w", err)
	}
	return Source{Inline: data}
}

func (r report) labels(list []string) []string {
	for _, s := range list {
		if err := checkLabel(s); err != nil {
			r.add("%w", err)
		}
	}
	return list
}

func (r report) duration(text string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		r.add("%s is not a positive duration: write it like \"60s\"", quote(text))
	}
	return d
}

// oneOf reads a word out of a few; the first is the default.
func oneOf[T ~string](r report, text *string, choices ...T) T {
	if text == nil {
		return choices[0]
	}
	if !slices.Contains(choices, T(*text)) {
		r.add("%s is not one of %q", quote(*text), choices)
	}
	return T(*text)
}

func value[T any](p *T, unset T) T {
	if p == nil {
		return unset
	}
	return *p
}

// A nameList is a list of strings, or Multus's one string with commas. It is nil when absent.
type nameList []string

// UnmarshalJSON takes both forms.
func (l *nameList) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return json.Unmarshal(data, (*[]string)(l))
	}
	*l = nameList{}
	for name := range strings.SplitSeq(text, ",") {
		if name = strings.TrimSpace(name); name != "" {
			*l = append(*l, name)
		}
	}
	return nil
}

func (l nameList) or(unset []string) []string {
	if l == nil {
		return unset
	}
	return l
}
