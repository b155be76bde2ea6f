package netattach

import (
	"slices"
	"strings"
)

// parseArgs reads CNI_ARGS, "K=V;K=V".
func parseArgs(r report, text string) (pairs [][2]string) {
	for item := range strings.SplitSeq(text, ";") {
		if strings.TrimSpace(item) == "" {
			continue
		}
		key, value, found := strings.Cut(item, "=")
		if !found || key == "" {
			r.add("CNI_ARGS: %s is not of the form KEY=VALUE", quote(item))
			continue
		}
		pairs = append(pairs, [2]string{key, value})
	}
	return pairs
}

// secondaryArgs are the runtime's arguments without those that are about the default network's interface.
func secondaryArgs(pairs [][2]string) [][2]string {
	return slices.DeleteFunc(slices.Clone(pairs), func(p [2]string) bool {
		return slices.Contains([]string{"MAC", "IP", "GATEWAY"}, p[0])
	})
}

// withArg sets one argument. Plugins that do not know it fail unless IgnoreUnknown stands beside it, and some read
// only what follows it.
func withArg(pairs [][2]string, key, value string) [][2]string {
	out := slices.DeleteFunc(slices.Clone(pairs), func(p [2]string) bool { return p[0] == key })
	if !slices.ContainsFunc(out, func(p [2]string) bool { return p[0] == "IgnoreUnknown" }) {
		out = append([][2]string{{"IgnoreUnknown", "true"}}, out...)
	}
	return append(out, [2]string{key, value})
}
