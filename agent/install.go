package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/braid-cni/braid/agent/hostfile"
	"github.com/braid-cni/braid/api/agentconfig"
)

// doorNames are the file names under which the runtime, or another plugin, calls the door.
var doorNames = [...]string{"braid", "braid-ipam", "braid-bridge", "braid-overlay", "braid-routed"}

// A dropIn keeps one of the host's daemons off what is Braid's. It is written where the folder needs exists, that is, where
// the daemon is installed. It counts when the daemon starts or reloads.
type dropIn struct{ needs, dir, name, content string }

// dropIns: links are known by their names. Routes and rules have none that networkd could be told.
var dropIns = [...]dropIn{
	{"/etc/systemd/network", "/etc/systemd/network", "00-braid.network", `# Written by Braid: these links are its own.
[Match]
Name=braid* brb-* brx-* brt-*

[Link]
Unmanaged=yes
`},
	{"/etc/systemd/network", "/etc/systemd/networkd.conf.d", "00-braid.conf", `# Written by Braid: networkd would remove its routes and rules when it starts.
[Network]
ManageForeignRoutes=no
ManageForeignRoutingPolicyRules=no
`},
	{"/etc/NetworkManager", "/etc/NetworkManager/conf.d", "00-braid.conf", `# Written by Braid: these links are its own.
[keyfile]
unmanaged-devices+=interface-name:braid*;interface-name:brb-*;interface-name:brx-*;interface-name:brt-*
`},
}

// An Installer is the step before the agent starts: it brings the host's files up to date. It changes none that is.
type Installer struct {
	// Door is the braid program to be copied, Root the host's root.
	Door, Root string
	Config     agentconfig.Config
	Log        *slog.Logger
}

// Install puts the programs in the runtime's folder, and the drop-ins where their daemons are installed. It goes on after
// an error and returns all.
func (i *Installer) Install() error {
	return errors.Join(i.programs(), i.dropIns())
}

func (i *Installer) programs() error {
	content, err := os.ReadFile(i.Door)
	if err != nil {
		return fmt.Errorf("read the program to install: %w", err)
	}
	dir, err := hostfile.Make(i.Root, i.Config.BinDir)
	if err != nil {
		return err
	}
	defer dir.Close()
	for _, name := range doorNames {
		if err := i.replace(dir, name, content, 0o755); err != nil {
			return err
		}
	}
	return nil
}

func (i *Installer) dropIns() (err error) {
	for _, d := range dropIns {
		err = errors.Join(err, i.dropIn(d))
	}
	return err
}

func (i *Installer) dropIn(d dropIn) error {
	daemon, err := hostfile.Open(i.Root, d.needs)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	daemon.Close()
	dir, err := hostfile.Make(i.Root, d.dir)
	if err != nil {
		return err
	}
	defer dir.Close()
	return i.replace(dir, d.name, []byte(d.content), 0o644)
}

func (i *Installer) replace(dir *hostfile.Folder, name string, content []byte, mode fs.FileMode) error {
	_, changed, err := dir.Replace(name, content, mode)
	if changed {
		i.Log.Info("installed", "file", filepath.Join(dir.Path, name))
	}
	return err
}
