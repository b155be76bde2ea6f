package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// OnceName is the column of a Once.
const OnceName = "braid once"

// A Once is braidd without a daemon: a script that executes "braidd once" is the file in CNI_PATH.
type Once struct {
	agent    *Agent
	kind     Kind
	networks int
	runtime  *runtime
}

// NewOnce returns the braidd in bin for pods with that many networks. Everything that it writes lies in dir.
func NewOnce(bin, dir string, kind Kind, networks int) *Once {
	return &Once{agent: NewAgent(bin, dir), kind: kind, networks: networks}
}

// Name implements Subject.
func (o *Once) Name() string { return OnceName }

// Networks implements Subject.
func (o *Once) Networks() int { return o.networks }

// onceOctet is the second octet of the first network's addresses.
const onceOctet = 160

// Start writes the script.
func (o *Once) Start(context.Context) error {
	if err := o.agent.makeFolders(); err != nil {
		return err
	}
	bin := filepath.Join(o.agent.dir, "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return fmt.Errorf("make the folder of the script: %w", err)
	}
	words := append([]string{filepath.Join(o.agent.bin, "braidd"), "once"}, append(o.agent.folders(), o.agent.flags...)...)
	script := "#!/bin/sh\nexec " + strings.Join(words, " ") + "\n"
	if err := os.WriteFile(filepath.Join(bin, "braid"), []byte(script), 0o755); err != nil {
		return fmt.Errorf("write the script: %w", err)
	}
	all := networks(o.kind, "bro", o.agent.leases(), onceOctet, o.networks)
	r, err := newRuntime(bin, filepath.Join(o.agent.dir, "cache"), nil, list("braid", braidPlugin(all, nil)))
	o.runtime = r
	return err
}

// Add implements Subject.
func (o *Once) Add(ctx context.Context, pod *Pod) error { return o.runtime.add(ctx, pod) }

// Del implements Subject.
func (o *Once) Del(ctx context.Context, pod *Pod) error { return o.runtime.del(ctx, pod) }

// Stop implements Subject. Nothing runs.
func (o *Once) Stop(context.Context) error { return nil }
