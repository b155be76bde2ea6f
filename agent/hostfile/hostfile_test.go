package hostfile

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// host is a folder that stands for the host's root.
func host(t *testing.T, folders ...string) string {
	t.Helper()
	root := t.TempDir()
	for _, dir := range folders {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func open(t *testing.T, root, dir string) *Folder {
	t.Helper()
	f, err := Open(root, dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestOpenStaysInRoot(t *testing.T) {
	root := host(t, "srv/real", "etc")
	for link, target := range map[string]string{"etc/absolute": "/srv/real", "etc/up": "../../../../../srv/real"} {
		if err := os.Symlink(target, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
		if f := open(t, root, "/"+link); f.Path != filepath.Join(root, "srv/real") {
			t.Errorf("%s leads to %s", link, f.Path)
		}
	}
	if _, err := Open(root, "/etc/none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing folder: %v", err)
	}
}

func TestMakeFollowsLinks(t *testing.T) {
	root := host(t, "srv/real", "etc")
	if err := os.Symlink("/srv/real", filepath.Join(root, "etc/cni")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		f, err := Make(root, "/etc/cni/net.d")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if f.Path != filepath.Join(root, "srv/real/net.d") {
			t.Errorf("made %s", f.Path)
		}
	}
}

func TestReplace(t *testing.T) {
	root := host(t, "d")
	f := open(t, root, "/d")
	steps := []struct {
		name, content string
		mode          fs.FileMode
		changed       bool
	}{
		{"new", "one", 0o600, true},
		{"unchanged", "one", 0o600, false},
		{"other content", "two", 0o600, true},
		{"other mode", "two", 0o777, true},
	}
	for _, s := range steps {
		t.Run(s.name, func(t *testing.T) {
			_, changed, err := f.Replace("x", []byte(s.content), s.mode)
			if err != nil || changed != s.changed {
				t.Fatalf("changed %v, %v", changed, err)
			}
			got, err := os.ReadFile(filepath.Join(root, "d/x"))
			if err != nil || string(got) != s.content {
				t.Errorf("content %q, %v", got, err)
			}
			if info, err := os.Stat(filepath.Join(root, "d/x")); err != nil || info.Mode() != s.mode {
				t.Errorf("mode %v, %v", info.Mode(), err)
			}
		})
	}
	if entries, _ := os.ReadDir(filepath.Join(root, "d")); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
}

// What a process that was killed in between has left is no hindrance, and neither is a link under the name.
func TestReplaceAfterACrash(t *testing.T) {
	root := host(t, "d")
	f := open(t, root, "/d")
	outside := filepath.Join(root, "outside")
	if err := os.WriteFile(outside, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"x", ".x.new"} {
		if err := os.Symlink("../outside", filepath.Join(root, "d", name)); err != nil {
			t.Fatal(err)
		}
	}
	if _, changed, err := f.Replace("x", []byte("content"), 0o600); err != nil || !changed {
		t.Fatal(changed, err)
	}
	if got, _ := os.ReadFile(outside); len(got) != 0 {
		t.Errorf("written through the link: %q", got)
	}
}

func TestReplaceAProgramThatRuns(t *testing.T) {
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(sleep)
	if err != nil {
		t.Fatal(err)
	}
	root := host(t, "bin")
	f := open(t, root, "/bin")
	if _, _, err := f.Replace("program", content, 0o755); err != nil {
		t.Fatal(err)
	}
	run := exec.Command(filepath.Join(root, "bin/program"), "10")
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { run.Process.Kill(); run.Wait() }()
	time.Sleep(20 * time.Millisecond)
	if _, changed, err := f.Replace("program", append(content, 0), 0o755); err != nil || !changed {
		t.Errorf("changed %v, %v", changed, err)
	}
}

func TestDelete(t *testing.T) {
	f := open(t, host(t, "d"), "/d")
	if _, _, err := f.Replace("x", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, want := range []bool{true, false} {
		if removed, err := f.Delete("x"); err != nil || removed != want {
			t.Errorf("removed %v, %v, want %v", removed, err, want)
		}
	}
	if _, err := f.Delete(strings.Repeat("x", 300)); err == nil {
		t.Error("a name that is too long was removed")
	}
}
