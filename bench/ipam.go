package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/braid-cni/braid/bench/report"
	"github.com/braid-cni/braid/wire"
)

// IPAMs are the plugins that give addresses without making links.
func IPAMs() []string { return []string{hostLocal, static} }

// An IPAM is a plugin of addresses, asked by the runtime itself. Pods get no interfaces.
type IPAM struct {
	name, bin, dir string
	env            []string
	network        network
	// plugin is the file's name.
	plugin  string
	runtime *runtime
}

// ReferenceIPAM is the reference plugin of that name in bin. Leases and cache go into dir.
func ReferenceIPAM(bin, dir, plugin string) *IPAM {
	n := network{kind: Kind{IPAM: plugin}, name: "refipam", leases: filepath.Join(dir, "leases"), octet: referenceOctet}
	return &IPAM{name: report.Reference, bin: bin, dir: dir, network: n, plugin: plugin}
}

// BraidIPAM is Braid's own, the door by another name, answered by an agent that has been started.
func BraidIPAM(agent *Agent, plugin string) *IPAM {
	n := network{kind: Kind{IPAM: plugin}, name: "braidipam", leases: agent.leases(), octet: braidOctet}
	env := []string{wire.SocketVariable + "=" + agent.socket()}
	return &IPAM{name: report.Braid, bin: agent.bin, dir: agent.dir, env: env, network: n, plugin: "braid-" + plugin}
}

// Name implements Subject.
func (a *IPAM) Name() string { return a.name }

// Networks implements Subject.
func (a *IPAM) Networks() int { return 0 }

// Start implements Subject.
func (a *IPAM) Start(context.Context) (err error) {
	config := map[string]any{"type": a.plugin, "ipam": a.network.ipam(a.plugin)}
	a.runtime, err = newRuntime(a.bin, filepath.Join(a.dir, "cache"), a.env, list(a.network.name, config))
	return err
}

// Add implements Subject.
func (a *IPAM) Add(ctx context.Context, pod *Pod) error { return a.runtime.add(ctx, pod) }

// Del implements Subject.
func (a *IPAM) Del(ctx context.Context, pod *Pod) error { return a.runtime.del(ctx, pod) }

// Stop implements Subject. Nothing runs.
func (a *IPAM) Stop(context.Context) error { return nil }

// linkDoor puts the door into bin under the names of Braid's IPAM plugins.
func linkDoor(bin string) error {
	for _, plugin := range IPAMs() {
		name := filepath.Join(bin, "braid-"+plugin)
		if err := os.Symlink("braid", name); err != nil && !os.IsExist(err) {
			return fmt.Errorf("give the door the name of a plugin: %w", err)
		}
	}
	return nil
}
