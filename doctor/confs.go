package doctor

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/braid-cni/braid/netattach"
)

// A confFile is one CNI configuration of the node, as a runtime reads it: a list, or a single plugin.
type confFile struct {
	path string
	// name and version are those of the list; plugins has the objects as they are written.
	name, version string
	plugins       []plugin
	// err is why the file cannot be used.
	err error
}

// A plugin is one object of a list, of which Type is read.
type plugin struct {
	Type string
	raw  json.RawMessage
}

// UnmarshalJSON keeps what is written.
func (p *plugin) UnmarshalJSON(data []byte) error {
	var o struct {
		Type string `json:"type"`
	}
	err := json.Unmarshal(data, &o)
	p.Type, p.raw = o.Type, slices.Clone(data)
	return err
}

// ours says whether the file starts Braid, alone or behind other plugins.
func (c confFile) ours() bool {
	return slices.ContainsFunc(c.plugins, func(p plugin) bool { return p.Type == netattach.TypeBraid })
}

// meant says whether a file, which may be broken, is meant to be Braid's.
func (c confFile) meant() bool {
	return c.ours() || strings.Contains(path.Base(c.path), netattach.TypeBraid)
}

// readConfs reads what a runtime considers: files of three endings in the lexical order of their names.
func (v *visit) readConfs() ([]confFile, error) {
	entries, err := v.files.list(v.ConfDir)
	if err != nil {
		return nil, err
	}
	var all []confFile
	for _, e := range entries {
		if !e.IsDir() && slices.Contains([]string{".conf", ".conflist", ".json"}, path.Ext(e.Name())) {
			all = append(all, v.readConf(path.Join(v.ConfDir, e.Name())))
		}
	}
	return all, nil
}

func (v *visit) readConf(file string) confFile {
	c := confFile{path: file}
	data, err := v.files.read(file)
	if err != nil {
		c.err = err
		return c
	}
	c.parse(data)
	return c
}

func (c *confFile) parse(data []byte) {
	var list struct {
		Name    string   `json:"name"`
		Version string   `json:"cniVersion"`
		Plugins []plugin `json:"plugins"`
	}
	if err := json.Unmarshal(data, &list); err != nil {
		c.err = fmt.Errorf("it is not JSON of a CNI configuration: %w", err)
		return
	}
	c.name, c.version, c.plugins = list.Name, list.Version, list.Plugins
	if list.Plugins == nil && path.Ext(c.path) != ".conflist" {
		var single plugin
		c.err = json.Unmarshal(data, &single)
		c.plugins = []plugin{single}
	}
	if c.err == nil && (len(c.plugins) == 0 || c.name == "") {
		c.err = errors.New("it has no plugins or no name")
	}
}

// used is the file of ours that comes first, nil when there is none.
func (v *visit) used() *confFile {
	for i := range v.confs {
		if v.confs[i].ours() {
			return &v.confs[i]
		}
	}
	return nil
}

// stdin is what the runtime sends to the plugin braid: its object with the list's name and version.
func (c confFile) stdin() ([]byte, error) {
	i := slices.IndexFunc(c.plugins, func(p plugin) bool { return p.Type == netattach.TypeBraid })
	var o map[string]any
	if err := json.Unmarshal(c.plugins[i].raw, &o); err != nil {
		return nil, fmt.Errorf("read plugin braid of %s: %w", c.path, err)
	}
	o["name"], o["cniVersion"] = c.name, c.version
	return json.Marshal(o)
}
