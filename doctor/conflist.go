package doctor

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/braid-cni/braid/netattach"
)

const rewrite = "remove the file: the agent writes it anew; if it comes back like this, mend ConfigMap braid-system/braid-config"

// conflist finds that no usable CNI configuration starts Braid.
func conflist(_ context.Context, v *visit) (found []Finding, err error) {
	if v.confsErr != nil {
		return nil, v.confsErr
	}
	for _, c := range v.confs {
		if c.meant() && c.err != nil {
			found = append(found, fault(fmt.Sprintf("%s cannot be used: %v", c.path, c.err), rewrite))
		}
	}
	c := v.used()
	if c == nil && len(found) == 0 {
		return v.noConflist()
	}
	if c == nil || c.err != nil {
		return found, nil
	}
	missing, err := v.missingPlugins(*c)
	return append(append(found, missing...), v.mistakes(*c)...), err
}

func (v *visit) noConflist() ([]Finding, error) {
	entries, err := v.files.list(v.ConfDir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".cilium_bak") && strings.Contains(e.Name(), netattach.TypeBraid) {
			return []Finding{fault(fmt.Sprintf("%s was renamed by Cilium", path.Join(v.ConfDir, e.Name())),
				"set cni.exclusive to false in Cilium's Helm values, then restart the node's agent")}, nil
		}
	}
	return []Finding{fault(fmt.Sprintf("no file in %s starts braid", v.ConfDir),
		"the agent writes it once it is ready: see why it is not with kubectl -n braid-system logs daemonset/braid-agent; "+
			"if the runtime reads another folder, name it as host.confDir in ConfigMap braid-system/braid-config and with --conf-dir here")}, nil
}

// missingPlugins finds plugins of the list that the runtime does not find. That braid is there is a check of its own.
func (v *visit) missingPlugins(c confFile) (found []Finding, err error) {
	for _, p := range c.plugins {
		if p.Type == netattach.TypeBraid {
			continue
		}
		wrong, statErr := v.notExecutable(path.Join(v.BinDir, p.Type))
		err = errors.Join(err, statErr)
		if wrong != "" {
			found = append(found, fault(fmt.Sprintf("%s names plugin %s, but %s %s", c.path, p.Type, path.Join(v.BinDir, p.Type), wrong),
				"install the plugin there, or take it out of the file"))
		}
	}
	return found, err
}

// mistakes is what the agent would answer about the configuration to every pod.
func (v *visit) mistakes(c confFile) []Finding {
	stdin, err := c.stdin()
	if err != nil {
		return []Finding{fault(err.Error(), rewrite)}
	}
	config, _, err := netattach.ParseConfig(stdin)
	if err != nil {
		return []Finding{fault(fmt.Sprintf("%s has mistakes: %v", c.path, err), rewrite)}
	}
	if config.ClusterNetwork.IsZero() && c.plugins[0].Type == netattach.TypeBraid {
		return []Finding{fault(c.path+" has no clusterNetwork: pods get no eth0", rewrite)}
	}
	if p := config.ClusterNetwork.Path; p != "" && !v.another(p) {
		return []Finding{fault(fmt.Sprintf("%s takes eth0 from %s, where no other CNI has a configuration", c.path, p),
			"install that CNI, or set another clusterNetwork in ConfigMap braid-system/braid-config")}
	}
	return nil
}

// another says whether a file, or a folder, has a configuration of another CNI.
func (v *visit) another(p string) bool {
	if p != v.ConfDir {
		other := visit{Node: &Node{Root: v.Root, ConfDir: p}, files: v.files}
		if info, err := v.files.stat(p); err == nil && !info.IsDir() {
			return other.readConf(p).isOther()
		}
		confs, _ := other.readConfs() // what cannot be read is no configuration
		return anyOther(confs)
	}
	return anyOther(v.confs)
}

func anyOther(confs []confFile) bool {
	for _, c := range confs {
		if c.isOther() {
			return true
		}
	}
	return false
}

// isOther tells a usable file without a meta plugin.
func (c confFile) isOther() bool {
	for _, p := range c.plugins {
		if p.Type == netattach.TypeBraid || p.Type == netattach.TypeMultus || p.Type == netattach.TypeMultusShim {
			return false
		}
	}
	return c.err == nil
}
