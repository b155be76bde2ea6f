package agent

import (
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/braid-cni/braid/api/agentconfig"
)

func TestInstall(t *testing.T) {
	programs := []string{
		"/opt/cni/bin/braid", "/opt/cni/bin/braid-bridge", "/opt/cni/bin/braid-ipam", "/opt/cni/bin/braid-overlay", "/opt/cni/bin/braid-routed",
	}
	networkd := []string{"/etc/systemd/network/00-braid.network", "/etc/systemd/networkd.conf.d/00-braid.conf"}
	manager := []string{"/etc/NetworkManager/conf.d/00-braid.conf"}
	tests := []struct {
		name  string
		files map[string]string
		want  []string
	}{
		{"bare host", nil, programs},
		{"systemd without networkd", map[string]string{"/etc/systemd/system.conf": ""}, programs},
		{"networkd", map[string]string{"/etc/systemd/network/10-eth.network": ""}, slices.Concat(networkd, programs)},
		{"NetworkManager", map[string]string{"/etc/NetworkManager/NetworkManager.conf": ""}, slices.Concat(manager, programs)},
		{"older Braid", map[string]string{"/opt/cni/bin/braid": "old", "/opt/cni/bin/bridge": "another's"}, programs},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := hostWith(t, tt.files)
			door := filepath.Join(t.TempDir(), "door")
			put(t, door, "new")
			i := &Installer{Door: door, Root: root, Config: agentconfig.Default(), Log: slog.New(slog.DiscardHandler)}
			if err := i.Install(); err != nil {
				t.Fatal(err)
			}
			first := filesOf(t, root)
			for name := range tt.files {
				if name != "/opt/cni/bin/braid" {
					delete(first, name)
				}
			}
			var names []string
			for name := range first {
				names = append(names, name)
			}
			if slices.Sort(names); !slices.Equal(names, tt.want) {
				t.Errorf("installed %q, want %q", names, tt.want)
			}
			for _, name := range programs {
				if text, err := os.ReadFile(filepath.Join(root, name)); err != nil || string(text) != "new" || first[name].Mode() != 0o755 {
					t.Errorf("%s: %q, %v, %v", name, text, first[name].Mode(), err)
				}
			}
			if err := i.Install(); err != nil {
				t.Fatal(err)
			}
			for name, info := range filesOf(t, root) {
				if first[name] != nil && !os.SameFile(info, first[name]) {
					t.Errorf("%s is up to date and was rewritten", name)
				}
			}
		})
	}
}

func filesOf(t *testing.T, root string) map[string]fs.FileInfo {
	t.Helper()
	found := map[string]fs.FileInfo{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			found[strings.TrimPrefix(path, root)], err = entry.Info()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// One part that fails keeps no other from being installed, and is said.
func TestInstallGoesOn(t *testing.T) {
	root := hostWith(t, map[string]string{"/etc/NetworkManager/conf.d": "a file", "/etc/systemd/network/x": ""})
	door := filepath.Join(t.TempDir(), "door")
	put(t, door, "new")
	i := &Installer{Door: door, Root: root, Config: agentconfig.Default(), Log: slog.New(slog.DiscardHandler)}
	err := i.Install()
	if err == nil || !strings.Contains(err.Error(), "NetworkManager") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(filepath.Join(root, "/etc/systemd/networkd.conf.d/00-braid.conf")); err != nil {
		t.Error(err)
	}
}
