package agent

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/braid-cni/braid/netattach"
)

// A host whose files are reached through links that are absolute, as on k3s, and links that try to lead out of it.
func hostRoot(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for _, dir := range []string{"etc/cni", "var/real/10-other", "outside"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, content := range map[string]string{
		"var/real/10-other.conflist": `{"name":"other"}`,
		"var/real/10-other/5-a.conf": `{"type":"a"}`,
		"var/real/README":            "no configuration",
		"var/real/20-large.conf":     strings.Repeat(" ", maxConfFile+1),
	} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, to := range map[string]string{"etc/cni/net.d": "/var/real", "var/real/30-passwd.conf": "/../../../../etc/passwd"} {
		if err := os.Symlink(to, filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestLoadStaysInTheHostsRoot(t *testing.T) {
	root := hostRoot(t)
	disk := netattach.Disk{}
	paths := []string{"/etc/cni/net.d", "/etc/cni/net.d/10-other.conflist", "/etc/cni/absent"}
	if added, err := load(root, paths, disk); err != nil || !added {
		t.Fatal(added, err)
	}
	if added, err := load(root, paths, disk); err != nil || added {
		t.Errorf("loaded twice: %v", err)
	}
	want := map[string]string{
		"/etc/cni/net.d": "/etc/cni/net.d/10-other.conflist {\"name\":\"other\"}; /etc/cni/net.d/10-other/5-a.conf {\"type\":\"a\"}; " +
			"/etc/cni/net.d/20-large.conf fails; /etc/cni/net.d/30-passwd.conf fails",
		"/etc/cni/net.d/10-other.conflist": "/etc/cni/net.d/10-other.conflist {\"name\":\"other\"}; /etc/cni/net.d/10-other/5-a.conf {\"type\":\"a\"}",
		"/etc/cni/absent":                  "",
	}
	for p, text := range want {
		if got := filesText(disk[p]); got != text {
			t.Errorf("%s: got %s\nwant %s", p, got, text)
		}
	}
}

func filesText(files []netattach.File) string {
	var all []string
	for _, f := range files {
		text := f.Path + " " + string(f.Content)
		if f.Err != nil {
			text = f.Path + " fails"
		}
		all = append(all, text)
	}
	slices.Sort(all)
	return strings.Join(all, "; ")
}
