package netattach

import (
	"fmt"
	"strings"
)

// defaultCNIVersion is what a configuration without cniVersion is (CNI spec; libcni's version.ParseVersion).
const defaultCNIVersion = "0.1.0"

// resolve finds the configuration of a network (clauses 2, 3, 6), checked. Mistakes go to the want's report; the list is nil
// when nothing can be said about it, and not to be changed.
func (in *Input) resolve(w *want, warnings *[]string) (Attachment, *confList) {
	switch s := w.source; {
	case s.Inline != nil:
		return Attachment{}, in.settled(w, s.Inline, warnings, func() *confList { return in.fromInline(w) })
	case s.Path != "":
		return Attachment{}, in.fromDisk(w, func() (*confList, error) { return in.Disk.at(s.Path) })
	case s.Name != "" && in.NADs[in.key(s)] == nil:
		return Attachment{}, in.fromDisk(w, func() (*confList, error) { return in.named(s) })
	}
	key := in.key(w.source)
	a := Attachment{NAD: key, Network: key.String()}
	nad := in.NADs[key]
	if nad == nil {
		w.at.add("network %s: %w: create it, or correct the name", quote(key.String()), ErrNADNotFound)
		return a, nil
	}
	a.ResourceName = nad.Annotations[ResourceNameAnnotation]
	w.at = w.at.in("NetworkAttachmentDefinition %s", quote(key.String()))
	if strings.TrimSpace(nad.Spec.Config) == "" {
		if in.Tenants[key.Namespace] {
			w.at.add("spec.config: is empty, which means the administrator's configuration of that name: a tenant's network needs a configuration of its own")
			return a, nil
		}
		return a, in.fromDisk(w, func() (*confList, error) { return in.Disk.byName(in.Config.ConfDir, key.Name) })
	}
	w.at = w.at.in("spec.config")
	return a, in.settled(w, []byte(nad.Spec.Config), warnings, func() *confList { return in.fromNAD(w, key, nad.Spec.Config, warnings) })
}

// fromInline takes the administrator's configuration. The default network may do without name and cniVersion, which
// are then those of the network that the runtime knows.
func (in *Input) fromInline(w *want) *confList {
	l, err := parseConfList(w.source.Inline)
	if err != nil {
		w.at.add("%w", err)
		return nil
	}
	name := ""
	if w.first {
		name = in.Config.Name
	}
	version := in.Config.CNIVersion
	if version == "" {
		version = defaultCNIVersion
	}
	l.setDefaults(name, version)
	return l
}

// named finds the configuration for a name under Multus that is no NAD.
func (in *Input) named(s Source) (*confList, error) {
	l, err := in.Disk.byName(in.Config.ConfDir, s.Name)
	if err != nil {
		return nil, fmt.Errorf("%w named %s in namespace %s, and %w", ErrNADNotFound, quote(s.Name), in.Config.Namespace, err)
	}
	return l, nil
}

func (in *Input) fromDisk(w *want, find func() (*confList, error)) *confList {
	l, err := find()
	if err != nil {
		w.at.add("%w", err)
		return nil
	}
	l.setDefaults("", defaultCNIVersion)
	l.check(w.at)
	return l
}

// fromNAD takes spec.config, whose author is not the administrator: fields that a plugin opens as a path must stay
// beneath Config.PathsAllow, nothing may be written so that two programs read it differently, and nothing that would
// harm a terminal: plugins repeat parts of it in results and errors.
func (in *Input) fromNAD(w *want, key Key, config string, warnings *[]string) *confList {
	r := w.at
	if len(config) > maxSpecConfig {
		r.add("has %d bytes: at most %d are read", len(config), maxSpecConfig)
		return nil
	}
	l, err := parseConfList([]byte(config))
	if err != nil {
		r.add("%w", err)
		return nil
	}
	for _, repeated := range repeatedKeys([]byte(config)) {
		r.add("key %s is written twice in one object: keep one", quote(repeated))
	}
	for _, text := range unprintable([]byte(config)) {
		r.add("%s has characters that cannot be printed: remove them", quote(text))
	}
	var whole any
	if err := decode([]byte(config), &whole); err == nil {
		r.paths(whole, in.pathsAllow(key), 0)
	}
	in.executed(r, l)
	if in.Tenants[key.Namespace] {
		r.tenant(l, whole, &in.Config.Tenants)
	}
	if l.top["cniVersion"] == nil && l.top["cniVersions"] == nil {
		*warnings = append(*warnings, fmt.Sprintf("network %s has no cniVersion, which means %s: add one", key, defaultCNIVersion))
	}
	l.setDefaults(key.Name, defaultCNIVersion)
	return l
}

// pathsAllow is what path-valued fields of that NAD, and of what pods give to it, may name.
func (in *Input) pathsAllow(nad Key) pathList {
	if in.Tenants[nad.Namespace] {
		return pathList{in.Config.Tenants.Paths, "tenants.allow.paths"}
	}
	return pathList{in.Config.PathsAllow, "paths.allow"}
}
