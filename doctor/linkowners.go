package doctor

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/braid-cni/braid/kernel"
)

// A daemon configures every link that it is not told to leave alone.
type daemon struct {
	name string
	// runs exists while the daemon does, or did since boot.
	runs string
	// dirs are its folders of configuration; a file that ends in suffix and holds the text keeps it off.
	dirs   []string
	suffix string
	keep   string
	harm   string
	mend   string
}

const anew = "restart the node's agent, whose init step writes %s, then %s"

var daemons = [...]daemon{
	{
		name: "NetworkManager", runs: "/run/NetworkManager",
		dirs:   []string{"/etc/NetworkManager/conf.d", "/run/NetworkManager/conf.d", "/usr/lib/NetworkManager/conf.d"},
		suffix: ".conf", keep: "interface-name:" + kernel.LinkPrefix + "*",
		harm: "takes links named braid*: it may set them down, or give them addresses and routes",
		mend: fmt.Sprintf(anew, "/etc/NetworkManager/conf.d/00-braid.conf", "systemctl reload NetworkManager"),
	},
	{
		name: "systemd-networkd", runs: "/run/systemd/netif/state",
		dirs:   []string{"/etc/systemd/network", "/run/systemd/network", "/usr/lib/systemd/network"},
		suffix: ".network", keep: "Name=" + kernel.LinkPrefix + "*",
		harm: "takes links named braid* once any .network file matches them",
		mend: fmt.Sprintf(anew, "/etc/systemd/network/00-braid.network", "networkctl reload"),
	},
	{
		name: "systemd-networkd", runs: "/run/systemd/netif/state",
		dirs:   []string{"/etc/systemd/networkd.conf.d", "/run/systemd/networkd.conf.d", "/usr/lib/systemd/networkd.conf.d"},
		suffix: ".conf", keep: "ManageForeignRoutes=no",
		harm: "removes routes and rules of Braid when it starts",
		mend: fmt.Sprintf(anew, "/etc/systemd/networkd.conf.d/00-braid.conf", "systemctl restart systemd-networkd"),
	},
}

// linkOwners finds daemons that run and were not told that our links are ours.
func linkOwners(_ context.Context, v *visit) (found []Finding, err error) {
	for _, d := range daemons {
		if !v.files.exists(d.runs) {
			continue
		}
		off, offErr := v.keptOff(d)
		err = errors.Join(err, offErr)
		if offErr == nil && !off {
			found = append(found, fault(d.name+" "+d.harm, d.mend))
		}
	}
	return found, err
}

func (v *visit) keptOff(d daemon) (bool, error) {
	for _, dir := range d.dirs {
		entries, err := v.files.list(dir)
		if err != nil {
			return false, err
		}
		for _, e := range entries {
			if !strings.HasSuffix(e.Name(), d.suffix) {
				continue
			}
			text, err := v.files.read(path.Join(dir, e.Name()))
			if err != nil {
				return false, err
			}
			if states(string(text), d.keep) {
				return true, nil
			}
		}
	}
	return false, nil
}

// states says whether a line that is no comment holds the text.
func states(text, want string) bool {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, ";") && strings.Contains(line, want) {
			return true
		}
	}
	return false
}
