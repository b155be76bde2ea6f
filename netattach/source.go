package netattach

import (
	"encoding/json"
	"path"
	"strings"
)

// A Source says where the configuration of an administrator's network comes from. At most one of Inline, NAD, Path
// and Name is set; the zero Source is no network.
type Source struct {
	// Inline is a CNI network configuration or list.
	Inline json.RawMessage
	// NAD names a NetworkAttachmentDefinition.
	NAD Key
	// Path is a file, or a folder whose first usable file counts; clean and absolute.
	Path string
	// Name is looked for as a NAD in Config.Namespace, then among the configurations in Config.ConfDir. Multus's form.
	Name string
}

// IsZero says whether s is no network.
func (s Source) IsZero() bool {
	return s.Inline == nil && s.NAD.IsZero() && s.Path == "" && s.Name == ""
}

// source reads a network of the configuration: an object, "/path", "namespace/name", or, under Multus, "name".
func (r report) source(data []byte, multus bool) Source {
	if o, err := parseObject(data); err == nil {
		if len(o) == 0 {
			r.add("is an empty object: write a CNI configuration or list")
		}
		return Source{Inline: data}
	}
	var text string
	if err := decode(data, &text); err != nil || text == "" {
		r.add("want a configuration, \"namespace/name\" or \"/path\", have %s", quote(data))
		return Source{}
	}
	return r.namedSource(text, multus)
}

func (r report) namedSource(text string, multus bool) Source {
	switch {
	case strings.HasPrefix(text, "/"):
		return Source{Path: r.path(text)}
	case multus && !strings.Contains(text, "/"):
		return Source{Name: r.cniName(text)}
	}
	namespace, name, found := strings.Cut(text, "/")
	if !found {
		r.add("%s has no namespace: write \"namespace/name\"", quote(text))
		return Source{}
	}
	r.checkKey(Key{namespace, name})
	return Source{NAD: Key{namespace, name}}
}

// path takes an absolute path and cleans it.
func (r report) path(text string) string {
	if !path.IsAbs(text) || strings.ContainsRune(text, 0) {
		r.add("%s is not an absolute path", quote(text))
	}
	return path.Clean(text)
}

func (r report) cniName(text string) string {
	if err := checkCNIName(text); err != nil {
		r.add("%w", err)
	}
	return text
}
