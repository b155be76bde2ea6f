package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"time"

	"github.com/braid-cni/braid/bench/report"
	"github.com/braid-cni/braid/wire"
)

// braidOctet is the second octet of the first network's addresses.
const braidOctet = 140

// A Braid is the door, executed by libcni, and an agent that runs beside it.
type Braid struct {
	name     string
	agent    *Agent
	guest    bool
	kind     Kind
	networks int
	naming   bool
	keys     map[string]any
	runtime  *runtime
}

// NewBraid returns Braid for pods with that many networks, of which the first is the cluster's and the others are given to
// every pod. Start and Stop are those of the agent too.
func NewBraid(agent *Agent, kind Kind, networks int) *Braid {
	return &Braid{name: report.Braid, agent: agent, kind: kind, networks: networks}
}

// Guest is another configuration of the same agent, under another name: more keys of the plugin braid. The agent must have
// been started.
func (b *Braid) Guest(name string, keys map[string]any) *Braid {
	guest := *b
	guest.name, guest.guest, guest.keys = name, true, keys
	return &guest
}

// Naming leaves the networks but the first to pods that name them, as NADs.
func (b *Braid) Naming() *Braid {
	b.naming = true
	return b
}

// NADs are the networks that pods are to name: names and configurations.
func (b *Braid) NADs() (nads [][2]string) {
	for _, n := range b.all()[1:] {
		// Maps of strings, numbers and booleans can always be written.
		config, _ := json.Marshal(n.plugin())
		nads = append(nads, [2]string{n.name, string(config)})
	}
	return nads
}

// Name implements Subject.
func (b *Braid) Name() string { return b.name }

// Agent is who answers.
func (b *Braid) Agent() *Agent { return b.agent }

// Networks implements Subject.
func (b *Braid) Networks() int { return b.networks }

// Start starts the agent and waits until it is ready for pods.
func (b *Braid) Start(ctx context.Context) (err error) {
	if err := b.Prepare(); err != nil || b.guest {
		return err
	}
	if err := b.agent.Launch(); err != nil {
		return err
	}
	return b.Ready(ctx, askEvery)
}

// Ready asks for the status, with a pause after each question, until the agent says that it is ready.
func (b *Braid) Ready(ctx context.Context, pause time.Duration) error {
	return b.agent.until(ctx, pause, func() error { return b.runtime.status(ctx) })
}

// Prepare does what comes before the agent is started.
func (b *Braid) Prepare() (err error) {
	env := []string{wire.SocketVariable + "=" + b.agent.socket()}
	b.runtime, err = newRuntime(b.agent.bin, filepath.Join(b.agent.dir, "cache"), env, b.list())
	return err
}

// all are its networks.
func (b *Braid) all() []network {
	return networks(b.kind, "brb", b.agent.leases(), braidOctet, b.networks)
}

// list is the network list of the plugin braid.
func (b *Braid) list() string {
	all := b.all()
	keys := map[string]any{"pathsAllow": []string{b.agent.dir}}
	if b.naming {
		all = all[:1]
	}
	maps.Copy(keys, b.keys)
	return list("braid", braidPlugin(all, keys))
}

// braidPlugin is the configuration of the plugin braid.
func braidPlugin(all []network, keys map[string]any) map[string]any {
	others := []any{}
	for _, n := range all[1:] {
		others = append(others, n.plugin())
	}
	config := map[string]any{"type": "braid", "clusterNetwork": all[0].plugin(), "defaultNetworks": others}
	maps.Copy(config, keys)
	return config
}

// Add implements Subject.
func (b *Braid) Add(ctx context.Context, pod *Pod) error { return b.explain(b.runtime.add(ctx, pod)) }

// Del implements Subject.
func (b *Braid) Del(ctx context.Context, pod *Pod) error { return b.explain(b.runtime.del(ctx, pod)) }

// Forget implements Forgetter. The agent removes a bridge with its last port by itself.
func (b *Braid) Forget() error { return nil }

// explain adds the agent's log to an error.
func (b *Braid) explain(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: braidd says: %s", err, b.agent.says())
}

// Stop ends the agent.
func (b *Braid) Stop(context.Context) error {
	if b.guest {
		return nil
	}
	return b.agent.Stop()
}
