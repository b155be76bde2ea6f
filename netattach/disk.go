package netattach

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// A File is one CNI configuration file of the node.
type File struct {
	Path    string
	Content []byte
	// Err is why the file could not be read.
	Err error
}

// A Disk holds what the caller found at each path that References named: for a folder, its files that end in .conf,
// .conflist or .json; for a file, that file; and in both cases the .conf files of the folders beside the files found,
// since libcni appends <folder>/<network name>/*.conf to a .conflist. A path that does not exist has no entry.
type Disk map[string][]File

// among returns the files that stand for the path itself: the file of that name, or the files of that folder in
// lexical order.
func (d Disk) among(p string) []File {
	var files []File
	for _, f := range d[p] {
		isConf := slices.Contains([]string{".conf", ".conflist", ".json"}, path.Ext(f.Path))
		if f.Path == p || path.Dir(f.Path) == p && isConf {
			files = append(files, f)
		}
	}
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return files
}

// parse reads one file of the folder or file p.
func (d Disk) parse(p string, f File) (*confList, error) {
	if f.Err != nil {
		return nil, fmt.Errorf("file %s: %w", quote(f.Path), f.Err)
	}
	top, err := parseObject(f.Content)
	if err != nil {
		return nil, fmt.Errorf("file %s: %w", quote(f.Path), err)
	}
	l := &confList{top: top}
	if _, inlined := top["plugins"]; inlined || path.Ext(f.Path) != ".conflist" {
		l, err = parseConfList(f.Content)
	}
	if err == nil && path.Ext(f.Path) == ".conflist" {
		err = d.appendPlugins(l, p, f)
	}
	if err != nil {
		return nil, fmt.Errorf("file %s: %w", quote(f.Path), err)
	}
	return l, nil
}

// appendPlugins adds the plugins of the folder that bears the network's name (CNI spec 1.1: unless
// loadOnlyInlinedPlugins). The list that comes out has them all inline, and says so.
func (d Disk) appendPlugins(l *confList, p string, f File) error {
	if only := strings.Trim(strings.ToLower(string(l.top["loadOnlyInlinedPlugins"])), `"`); only == "true" {
		return nil
	}
	folder := path.Join(path.Dir(f.Path), l.name())
	var files []File
	for _, extra := range d[p] {
		if path.Dir(extra.Path) == folder && path.Ext(extra.Path) == ".conf" && l.name() != "" && extra.Path != f.Path {
			files = append(files, extra)
		}
	}
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	for _, extra := range files {
		plugin, err := parseObject(extra.Content)
		if extra.Err != nil || err != nil {
			return fmt.Errorf("plugin file %s: cannot be read as a JSON object", quote(extra.Path))
		}
		l.plugins = append(l.plugins, plugin)
		l.top["loadOnlyInlinedPlugins"] = []byte("true")
	}
	return nil
}

// byName finds the configuration of a network name among the files of folder: first in a .conflist, then in another
// file (clause 6). A file that cannot be read does not end the search, but is named when nothing is found.
func (d Disk) byName(folder, name string) (*confList, error) {
	var broken []string
	files := d.among(folder)
	rank := func(f File) int {
		if path.Ext(f.Path) == ".conflist" {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(files, func(a, b File) int { return rank(a) - rank(b) })
	for _, f := range files {
		l, err := d.parse(folder, f)
		if err != nil {
			broken = append(broken, err.Error())
		} else if l.name() == name {
			return l, nil
		}
	}
	return nil, notOnDisk("no configuration named %s in %s%s", quote(name), quote(folder), besides(broken))
}

// at finds the configuration for a path: that of the file, or the first of the folder that is neither a meta plugin's
// nor broken. A file of a meta plugin would plan the pod from inside its own plan.
func (d Disk) at(p string) (*confList, error) {
	var broken []string
	files := d.among(p)
	for _, f := range files {
		l, err := d.parse(p, f)
		switch {
		case err != nil:
			broken = append(broken, err.Error())
		case l.isMeta() && f.Path == p:
			return nil, fmt.Errorf("%s is the file of a meta plugin: name the file of another CNI", quote(p))
		case !l.isMeta():
			return l, nil
		}
	}
	if len(files) == 0 {
		return nil, notOnDisk("no CNI configuration at %s: install the CNI that writes it, or name another file or folder", quote(p))
	}
	return nil, notOnDisk("no usable CNI configuration at %s%s", quote(p), besides(broken))
}

func besides(broken []string) string {
	if len(broken) == 0 {
		return ""
	}
	return "; not readable: " + strings.Join(broken[:min(len(broken), maxReported)], ", ")
}
