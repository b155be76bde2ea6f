package netattach

import (
	"maps"
	"path"
	"slices"
	"strings"
)

// defaultPathsAllow is where path-valued fields of NADs may point unless pathsAllow says otherwise: the state of the
// reference plugins, the files a resolver is configured by, and devices.
func defaultPathsAllow() []string {
	return []string{
		"/var/lib/cni", "/run/cni", "/var/run/cni",
		"/etc/resolv.conf", "/run/systemd/resolve/resolv.conf",
		"/sys/devices",
	}
}

// pathFields are the fields of CNI configurations that a plugin, as the host's root, opens as a path.
var pathFields = [...]string{"dataDir", "resolvConf", "kernelpath", "daemonSocketPath", CapabilityDeviceInfo}

// A pathList is what path-valued fields may name, with the key by which the administrator extends it.
type pathList struct {
	paths []string
	key   string
}

func (r report) allowed(list []string) []string {
	for _, p := range list {
		if !isCleanPath(p) {
			r.add("%s is not a clean absolute path", quote(p))
		}
	}
	return list
}

func isCleanPath(p string) bool {
	return path.IsAbs(p) && path.Clean(p) == p && !strings.ContainsRune(p, 0)
}

func isBeneath(p string, allow []string) bool {
	for _, a := range allow {
		if p == a || strings.HasPrefix(p, strings.TrimSuffix(a, "/")+"/") {
			return true
		}
	}
	return false
}

// maxNesting bounds how deep a NAD's configuration is searched; real ones are about five deep.
const maxNesting = 32

// paths checks every path-valued field in v, at any depth: plugins nest their delegates and IPAM freely. Field names
// count in any upper and lower case, because that is how Go programs read JSON.
func (r report) paths(v any, allow pathList, depth int) {
	if depth > maxNesting {
		r.add("is nested more than %d deep", maxNesting)
		return
	}
	switch v := v.(type) {
	case []any:
		for i, inner := range v {
			r.in("%d", i+1).paths(inner, allow, depth+1)
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if field := folded(key, slices.Values(pathFields[:])); field != "" {
				r.pathField(key, field, v[key], allow)
			} else {
				r.in("%s", quote(key)).paths(v[key], allow, depth+1)
			}
		}
	}
}

func (r report) pathField(key, field string, v any, allow pathList) {
	text, isText := v.(string)
	_, isBool := v.(bool) // a capability of that name is declared
	switch {
	case key != field:
		r.add("key %s must be written %q", quote(key), field)
	case v == nil || isBool || isText && text == "":
	case !isText:
		r.add("%s: is not a string", field)
	case !isCleanPath(text):
		r.add("%s: %s is not a clean absolute path", field, quote(text))
	case !isBeneath(text, allow.paths):
		r.add("%s: %s is not beneath one of %q: choose another, or have the administrator extend %s", field, quote(text), allow.paths, allow.key)
	}
}
