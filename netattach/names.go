package netattach

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Lengths in bytes: the kernel's IFNAMSIZ less the closing zero; a DNS-1123 label; and what is left of a file name
// of 255 bytes beside a container ID of 64 and an interface name (libcni caches under name-container-interface).
const (
	maxIfName   = 15
	maxLabel    = 63
	maxCNIName  = 174
	runtimeName = "eth0"
)

// metaPlugins are never delegates: they would plan the same pod again from inside its plan.
var metaPlugins = [...]string{TypeBraid, TypeMultus, TypeMultusShim}

// IsMeta says whether a plugin's type is that of a meta plugin, which calls others for a pod's networks.
func IsMeta(plugin string) bool { return slices.Contains(metaPlugins[:], plugin) }

// isLabel says whether s is a DNS-1123 label, as names of namespaces and NADs must be (clause 5).
func isLabel(s string) bool {
	inside := func(c rune) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' }
	return s != "" && len(s) <= maxLabel && s[0] != '-' && s[len(s)-1] != '-' &&
		strings.IndexFunc(s, func(c rune) bool { return !inside(c) }) < 0
}

func checkLabel(s string) error {
	if isLabel(s) {
		return nil
	}
	return fmt.Errorf("%s is not a DNS-1123 label: use at most 63 of a-z, 0-9 and '-', beginning and ending with a letter or digit", quote(s))
}

// isSubdomain says whether s is a DNS-1123 subdomain, as names of most objects are.
func isSubdomain(s string) bool {
	return len(s) <= 253 && !slices.ContainsFunc(strings.Split(s, "."), func(l string) bool { return !isLabel(l) })
}

// checkCNIName fails for a network name that libcni refuses or that cannot become part of a file name.
func checkCNIName(s string) error {
	bad := func(c rune) bool { return !isAlphanumeric(c) && !strings.ContainsRune("_.-", c) }
	if s != "" && len(s) <= maxCNIName && isAlphanumeric(rune(s[0])) && strings.IndexFunc(s, bad) < 0 {
		return nil
	}
	return fmt.Errorf("name %s cannot be a file name: use letters, digits, '_', '.' and '-', beginning with a letter or digit, at most %d bytes", quote(s), maxCNIName)
}

func isAlphanumeric(c rune) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// checkIfName fails for a name that Linux refuses as an interface name, that has a meaning of its own in /proc/sys/net or
// to the kernel ('%' is a pattern), or that people could take for another: letters of other alphabets look like these.
func checkIfName(s string) error {
	if reason := badIfName(s); reason != "" {
		return fmt.Errorf("%s cannot be an interface name: it %s", quote(s), reason)
	}
	return nil
}

func badIfName(s string) string {
	bad := func(c rune) bool { return c <= ' ' || c > '~' || strings.ContainsRune("/:%", c) }
	switch {
	case s == "":
		return "is empty"
	case len(s) > maxIfName:
		return fmt.Sprintf("is longer than %d bytes", maxIfName)
	case slices.Contains([]string{".", "..", "lo", "all", "default"}, s):
		return "is reserved"
	case strings.IndexFunc(s, bad) >= 0:
		return "contains one of / : % or a character that is a space or no printable ASCII"
	}
	return ""
}

// checkPluginType fails for a "type" that is no file name, or that names a meta plugin.
func checkPluginType(s string) error {
	switch {
	case s == "":
		return errors.New("has no type: name the plugin, such as \"type\": \"bridge\"")
	case strings.Contains(s, "/") || strings.Contains(s, "..") || strings.IndexFunc(s, unicode.IsControl) >= 0:
		return fmt.Errorf("type %s is not the plain file name of a plugin", quote(s))
	case IsMeta(s):
		return fmt.Errorf("type %s is a meta plugin and cannot be one of its own networks", quote(s))
	}
	return nil
}
