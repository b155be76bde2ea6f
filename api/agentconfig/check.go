package agentconfig

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"
)

// auto is the clusterNetwork that each node's agent chooses.
const auto = "auto"

// A report collects mistakes.
type report struct{ found Mistakes }

func (r *report) add(at, format string, args ...any) {
	r.found = append(r.found, fmt.Errorf("%s: %w", at, fmt.Errorf(format, args...)))
}

func numbered(list string, i int) string { return fmt.Sprintf("%s[%d]", list, i) }

func (r *report) network(at string, raw json.RawMessage, mayBeAuto bool) Network {
	if raw == nil && mayBeAuto {
		return Network{Auto: true}
	}
	var text string
	if json.Unmarshal(raw, &text) != nil || text == "" {
		r.inline(at, raw)
		return Network{Raw: raw}
	}
	switch namespace, name, found := strings.Cut(text, "/"); {
	case text == auto && mayBeAuto:
		return Network{Auto: true}
	case strings.HasPrefix(text, "/"):
		r.path(at, text)
	case !found:
		r.add(at, "%q is no network: write a CNI configuration, \"namespace/name\" or \"/path\"", text)
	case len(validation.IsDNS1123Label(namespace)) > 0 || len(validation.IsDNS1123Label(name)) > 0:
		r.add(at, "%q is not \"namespace/name\" of a NetworkAttachmentDefinition", text)
	}
	return Network{Raw: raw}
}

// inline checks of a configuration what does not depend on the plugin.
func (r *report) inline(at string, raw json.RawMessage) {
	var config struct {
		Type    string            `json:"type"`
		Plugins []json.RawMessage `json:"plugins"`
	}
	if err := json.Unmarshal(raw, &config); err != nil || string(raw) == "null" {
		r.add(at, "want a CNI configuration, \"namespace/name\" or \"/path\"")
	} else if config.Type == "" && len(config.Plugins) == 0 {
		r.add(at, "the configuration has neither type nor plugins: name the plugin, such as type: bridge")
	}
}

func (r *report) names(at string, list []string) []string {
	for i, name := range list {
		if why := validation.IsDNS1123Label(name); len(why) > 0 {
			r.add(numbered(at, i), "%q is no name of a namespace: %s", name, why[0])
		}
	}
	return list
}

// oneOf takes one of a few words; the first is the default.
func (r *report) oneOf(at string, text *string, words ...string) string {
	word := value(text, words[0])
	if !slices.Contains(words, word) {
		r.add(at, "%q is not one of %q", word, words)
	}
	return word
}

func (r *report) duration(at, text string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		r.add(at, "%q is not a positive duration: write it like \"60s\"", text)
	}
	return d
}

func (r *report) path(at, text string) string {
	if !path.IsAbs(text) || path.Clean(text) != text || strings.ContainsRune(text, 0) {
		r.add(at, "%q is not a clean absolute path", text)
	}
	return text
}

func (r *report) paths(at string, list []string) []string {
	for i, text := range list {
		r.path(numbered(at, i), text)
	}
	return list
}

// patterns takes names and patterns of path.Match.
func (r *report) patterns(at string, list []string) []string {
	for i, p := range list {
		if _, err := path.Match(p, ""); err != nil || p == "" {
			r.add(numbered(at, i), "%q is not a name or a pattern such as \"br-blue-*\"", p)
		}
	}
	return list
}

func (r *report) tenants(allow *TenantsAllow) Allowed {
	file := value(allow, TenantsAllow{})
	return Allowed{
		Plugins: r.patterns("tenants.allow.plugins", value(file.Plugins, nil)),
		Bridges: r.patterns("tenants.allow.bridges", value(file.Bridges, nil)),
		Masters: r.patterns("tenants.allow.masters", value(file.Masters, nil)),
		Devices: r.patterns("tenants.allow.devices", value(file.Devices, nil)),
		Paths:   r.paths("tenants.allow.paths", value(file.Paths, nil)),
	}
}

func (r *report) conflist(at, name string) string {
	if name != "" && (path.Base(name) != name || strings.HasPrefix(name, ".") || path.Ext(name) != ".conflist") {
		r.add(at, "%q is not a file name that ends in .conflist", name)
	}
	return name
}

func (r *report) address(at, text string) string {
	if text == "" {
		return ""
	}
	_, port, err := net.SplitHostPort(text)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		r.add(at, "%q is not an address with a port: write it like \"127.0.0.1:9808\"", text)
	}
	return text
}

func (r *report) level(at string, text *string) (level slog.Level) {
	word := r.oneOf(at, text, "info", "debug", "warn", "error")
	_ = level.UnmarshalText([]byte(word)) // a word that it does not know is reported already
	return level
}
