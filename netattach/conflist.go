package netattach

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/containernetworking/cni/libcni"
	"github.com/containernetworking/cni/pkg/version"
)

// A confList is a CNI network configuration list. Values that nobody here reads stay as they were written (CNI spec
// section 3: a plugin gets its object unchanged).
type confList struct {
	top     object
	plugins []object

	// capable and encoded are what capabilities and encode return, once it is settled.
	capable []string
	encoded []byte
}

// settle is called when the list will not change any more.
func (l *confList) settle() { l.capable, l.encoded = l.capabilities(), l.encode() }

// clone is a list that may be changed.
func (l *confList) clone() *confList {
	c := &confList{top: maps.Clone(l.top)}
	for _, p := range l.plugins {
		c.plugins = append(c.plugins, maps.Clone(p))
	}
	return c
}

// parseConfList reads a list, or a single configuration, which becomes a list of one as libcni does it: with name and
// cniVersion of its own (CNI spec 1.1, section 1; libcni ConfListFromConf).
func parseConfList(data []byte) (*confList, error) {
	top, err := parseObject(data)
	if err != nil {
		return nil, err
	}
	raw, isList := top["plugins"]
	if !isList {
		return listOfOne(top), nil
	}
	var raws []json.RawMessage
	if err := decode(raw, &raws); err != nil {
		return nil, fmt.Errorf("plugins: %w", err)
	}
	l := &confList{top: top}
	for i, raw := range raws {
		plugin, err := parseObject(raw)
		if err != nil {
			return nil, fmt.Errorf("plugins %d: %w", i+1, err)
		}
		l.plugins = append(l.plugins, plugin)
	}
	return l, nil
}

func listOfOne(conf object) *confList {
	l := &confList{top: object{}, plugins: []object{conf}}
	for _, key := range []string{"name", "cniVersion"} {
		if v, found := conf[key]; found {
			l.top[key] = v
		}
	}
	return l
}

// text is the string at key; empty when there is none, or no string.
func (o object) text(key string) string {
	var s string
	_ = json.Unmarshal(o[key], &s)
	return s
}

func (o object) setText(key, value string) { o[key], _ = json.Marshal(value) }

func (l *confList) name() string { return l.top.text("name") }

// setDefaults gives the list the name (clause 7) and the cniVersion that it lacks.
func (l *confList) setDefaults(name, cniVersion string) {
	if raw := l.top["name"]; raw == nil || isNull(raw) || string(raw) == `""` {
		l.top.setText("name", name)
	}
	_, one := l.top["cniVersion"]
	_, many := l.top["cniVersions"]
	if !one && !many {
		l.top.setText("cniVersion", cniVersion)
	}
}

// capabilities are those that at least one plugin of the chain declares, sorted.
func (l *confList) capabilities() []string {
	if l.encoded != nil {
		return l.capable
	}
	all := map[string]bool{}
	for _, p := range l.plugins {
		var declared map[string]bool
		_ = json.Unmarshal(p["capabilities"], &declared) // libcni refuses another shape, see check
		maps.Copy(all, declared)
	}
	maps.DeleteFunc(all, func(_ string, on bool) bool { return !on })
	return slices.Sorted(maps.Keys(all))
}

// isMeta says whether a meta plugin is in the chain.
func (l *confList) isMeta() bool {
	return slices.ContainsFunc(l.plugins, func(p object) bool { return IsMeta(p.text("type")) })
}

// check reports what makes the list unusable for libcni, or a danger to the node whoever wrote it.
func (l *confList) check(r report) {
	before := r.count()
	if err := checkCNIName(l.name()); err != nil {
		r.add("%w", err)
	}
	l.top.checkSpelling(r, "name", "cniVersion", "cniVersions", "plugins")
	if len(l.plugins) == 0 {
		r.add("plugins: the list is empty: name at least one plugin")
	}
	for i, p := range l.plugins {
		p.check(r.in("plugin %d", i+1))
	}
	if r.count() > before {
		return
	}
	list, err := libcni.NetworkConfFromBytes(l.encode())
	if err != nil {
		r.add("libcni refuses it: %s", strings.Trim(fmt.Sprintf("%.300q", err), `"`))
		return
	}
	// Plugins refuse such a version at DEL too, and the pod could never go.
	if known := version.All.SupportedVersions(); !slices.Contains(known, list.CNIVersion) {
		r.add("cniVersion %s is not supported: write one of %s", quote(list.CNIVersion), strings.Join(known, ", "))
	}
}

func (o object) check(r report) {
	if err := checkPluginType(o.text("type")); err != nil {
		r.add("%w", err)
	}
	o.checkSpelling(r, "type", "name", "cniVersion", "ipam", "delegate", "capabilities", "args", "runtimeConfig", "prevResult")
	o.checkDelegates(r, 0)
}

// checkDelegates checks the types of what a plugin delegates to, and that in turn. A nesting too deep is reported by
// paths, where it matters.
func (o object) checkDelegates(r report, depth int) {
	for _, key := range []string{"ipam", "delegate"} {
		inner, err := parseObject(o[key])
		if err != nil || depth > maxNesting {
			continue // libcni refuses an ipam that is no object; delegate is a word for other things too
		}
		r := r.in("%s", key)
		inner.checkSpelling(r, "type", "ipam", "delegate")
		if typ := inner.text("type"); typ != "" {
			if err := checkPluginType(typ); err != nil {
				r.add("%w", err)
			}
		}
		inner.checkDelegates(r, depth+1)
	}
}

// checkSpelling refuses keys that differ from guarded ones in upper and lower case only: a Go plugin would take them
// for the same key, and what was checked would not be what counts.
func (o object) checkSpelling(r report, guarded ...string) {
	for _, key := range slices.Sorted(maps.Keys(o)) {
		if like := folded(key, slices.Values(guarded)); like != "" && like != key {
			r.add("key %s must be written %q", quote(key), like)
		}
	}
}

// encode returns the list in compact form with sorted keys.
func (l *confList) encode() []byte {
	if l.encoded != nil {
		return l.encoded
	}
	plugins, _ := json.Marshal(l.plugins) // cannot fail: every value was read as JSON
	top := maps.Clone(l.top)
	top["plugins"] = plugins
	data, _ := json.Marshal(top)
	return data
}

// mergeArgs puts a pod's cni-args into args.cni of every plugin; the pod's values win (clause 24).
func (l *confList) mergeArgs(r report, podArgs map[string]any) {
	for i, p := range l.plugins {
		if err := p.mergeArgs(podArgs); err != nil {
			r.in("plugin %d", i+1).add("merge cni-args: %w", err)
		}
	}
}

func (o object) mergeArgs(podArgs map[string]any) error {
	args, err := o.child("args")
	if err != nil {
		return err
	}
	cni, err := args.child("cni")
	if err != nil {
		return fmt.Errorf("args: %w", err)
	}
	for key, v := range podArgs {
		if cni[key], err = json.Marshal(v); err != nil {
			return fmt.Errorf("key %s: %w", quote(key), err)
		}
	}
	args["cni"], _ = json.Marshal(cni)
	o["args"], _ = json.Marshal(args)
	return nil
}

// child reads the object at key; an absent one is empty.
func (o object) child(key string) (object, error) {
	raw, found := o[key]
	if !found || isNull(raw) {
		return object{}, nil
	}
	inner, err := parseObject(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return inner, nil
}
