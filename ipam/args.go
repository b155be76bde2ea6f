package ipam

import "strings"

// Args are the CNI_ARGS of one call by key. Keys are case-sensitive, as they are for the reference plugins.
type Args map[string]string

// ParseArgs splits "K=V;K=V". What no driver can ask for is dropped, pairs without "=" too: runtimes pass keys of
// their own to every plugin. The last of two equal keys counts.
func ParseArgs(s string) Args {
	args := Args{}
	for pair := range strings.SplitSeq(s, ";") {
		if key, value, ok := strings.Cut(pair, "="); ok {
			args[key] = value
		}
	}
	return args
}

// List returns the comma-separated values of a key without the space around them, nil when the key is absent or
// empty.
func (a Args) List(key string) []string {
	if a[key] == "" {
		return nil
	}
	values := strings.Split(a[key], ",")
	for i, v := range values {
		values[i] = strings.TrimSpace(v)
	}
	return values
}
