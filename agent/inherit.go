package agent

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/containernetworking/cni/libcni"

	"github.com/braid-cni/braid/agent/hostfile"
	"github.com/braid-cni/braid/ipam"
	"github.com/braid-cni/braid/netattach"
	"github.com/braid-cni/braid/store"
	"github.com/braid-cni/braid/wire"
)

// Where those who attached pods before Braid came keep what DEL needs, on the host. Multus keeps its delegates in a file
// named like the container, and libcni's results of them in a folder; runtimes keep libcni's results of their own.
const (
	multusCache   = "/var/lib/cni/multus"
	multusResults = multusCache + "/results"
	results       = "/var/lib/cni/results"
)

// An inheritance is a container that was attached before Braid came, and the files that say so.
type inheritance struct {
	container *store.Container
	files     []string
}

// A cached is libcni's file of one attachment (libcni v1.3, cniCacheV1).
type cached struct {
	Kind           string                     `json:"kind"`
	ContainerID    string                     `json:"containerId"`
	Config         []byte                     `json:"config"`
	IfName         string                     `json:"ifName"`
	CNIArgs        [][2]string                `json:"cniArgs"`
	CapabilityArgs map[string]json.RawMessage `json:"capabilityArgs"`
	Result         json.RawMessage            `json:"result"`
}

// A multusDelegate is one of the delegates in Multus's file of a container (multus-cni v3 and v4, DelegateNetConf).
type multusDelegate struct {
	IfnameRequest string `json:"ifnameRequest"`
	Bytes         []byte
}

// inherit gathers what is known of a container that the store does not know: attached by Multus, else by a CNI that the
// runtime called itself. It is nil when nothing is. What cannot be read is logged and left: it says nothing any more.
func (a *Agent) inherit(r *wire.Request, config netattach.Config) *inheritance {
	h := &inheritance{container: &store.Container{ID: r.ContainerID, IfName: r.IfName, Netns: r.Netns}}
	a.inheritFromMultus(h)
	a.inheritResults(h, multusResults)
	if !config.ClusterNetwork.IsZero() { // else the runtime calls the plugins of its network itself, in one chain with Braid
		a.inheritResults(h, results)
	}
	if len(h.files) == 0 {
		return nil
	}
	list := h.container.Attachments
	for i := range list {
		list[i].Path = pluginPath(r, config)
		list[i].Builtins = a.madeBy(list[i])
	}
	// The order of ADD, of which DEL is the reverse.
	slices.SortStableFunc(list, func(x, y store.Attachment) int {
		return cmp.Or(cmp.Compare(rank(x, r.IfName), rank(y, r.IfName)), cmp.Compare(x.IfName, y.IfName))
	})
	return h
}

// rank is lower for the default network.
func rank(at store.Attachment, first string) int {
	if at.IfName == first {
		return 0
	}
	return 1
}

// madeBy prefers binaries: they made the attachment. Where they are gone, the built-in plugins do their best.
func (a *Agent) madeBy(at store.Attachment) string {
	at.Builtins = string(ipam.Never)
	if a.Delegator.Find(&store.Container{Attachments: []store.Attachment{at}}) == nil {
		return string(ipam.Never)
	}
	return string(ipam.Prefer)
}

func (a *Agent) inheritFromMultus(h *inheritance) {
	file := path.Join(multusCache, h.container.ID)
	var delegates []multusDelegate
	if !a.readCache(file, &delegates) {
		return
	}
	h.files = append(h.files, file)
	for i, d := range delegates {
		ifname := d.IfnameRequest
		switch {
		case i == 0:
			ifname = h.container.IfName
		case ifname == "":
			ifname = fmt.Sprintf("net%d", i)
		}
		a.inheritOne(h, file, cached{Config: d.Bytes, IfName: ifname})
	}
}

// inheritResults reads libcni's files of the container in a folder. The runtime's own networks besides the one that it
// deletes now have DELs of their own.
func (a *Agent) inheritResults(h *inheritance, dir string) {
	for _, e := range entries(a.Root, dir) {
		if !strings.Contains(e.Name(), "-"+h.container.ID+"-") {
			continue
		}
		var c cached
		file := path.Join(dir, e.Name())
		if !a.readCache(file, &c) || c.Kind != libcni.CNICacheV1 || c.ContainerID != h.container.ID || dir == results && c.IfName != h.container.IfName {
			continue
		}
		a.inheritOne(h, file, c)
	}
}

// inheritOne adds an attachment, or what is more of one that is known.
func (a *Agent) inheritOne(h *inheritance, file string, c cached) {
	list, err := confListOf(c.Config)
	if err != nil {
		a.Log.Warn("an attachment from before Braid cannot be read and may be left behind", "file", file, "error", err)
		return
	}
	if slices.ContainsFunc(list.Plugins, func(p *libcni.PluginConfig) bool { return netattach.IsMeta(p.Network.Type) }) {
		return // it calls others, which have files of their own
	}
	at := store.Attachment{
		Network: list.Name, IfName: c.IfName, Config: list.Bytes, Args: c.CNIArgs, Capabilities: c.CapabilityArgs, Result: c.Result,
	}
	same := func(x store.Attachment) bool { return x.IfName == at.IfName && x.Network == at.Network }
	if i := slices.IndexFunc(h.container.Attachments, same); i >= 0 {
		h.container.Attachments[i] = at
	} else {
		h.container.Attachments = append(h.container.Attachments, at)
	}
	if !slices.Contains(h.files, file) {
		h.files = append(h.files, file)
	}
}

// confListOf reads a configuration list, or a single configuration as a list of one.
func confListOf(config []byte) (*libcni.NetworkConfigList, error) {
	if list, err := libcni.NetworkConfFromBytes(config); err == nil && len(list.Plugins) > 0 {
		return list, nil
	}
	one, err := libcni.NetworkPluginConfFromBytes(config)
	if err != nil {
		return nil, err
	}
	list, err := json.Marshal(map[string]any{
		"cniVersion": one.Network.CNIVersion, "name": one.Network.Name, "plugins": []json.RawMessage{config},
	})
	if err != nil {
		return nil, err
	}
	return libcni.NetworkConfFromBytes(list)
}

// readCache decodes a file of the host and says whether there was anything to decode.
func (a *Agent) readCache(file string, into any) bool {
	content, err := readWhole(a.Root, file)
	if errors.Is(err, fs.ErrNotExist) {
		return false
	}
	if err == nil {
		err = json.Unmarshal(content, into)
	}
	if err != nil {
		a.Log.Warn("what is known of an attachment from before Braid cannot be read, and it may be left behind", "file", file, "error", err)
	}
	return err == nil
}

// disinherit forgets what was taken away.
func (a *Agent) disinherit(h *inheritance) error {
	var failures []error
	for _, file := range h.files {
		folder, err := hostfile.Open(a.Root, path.Dir(file))
		if err != nil {
			failures = append(failures, err)
			continue
		}
		_, err = folder.Delete(path.Base(file))
		failures = append(failures, err, folder.Close())
	}
	return errors.Join(failures...)
}
