package delegate

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/containernetworking/cni/pkg/types"
)

func run(t *testing.T, body string, timeout time.Duration) (string, error) {
	t.Helper()
	t.Setenv("SECRET_OF_THE_AGENT", "x")
	r := Runner{Root: "/", Timeout: timeout, InsideVariable: "BRAID_INSIDE", Env: []string{"EXTRA=1"}}
	dir := script(t, "plug", body)
	path, err := r.FindInPath("plug", []string{"/nowhere", dir})
	if err != nil {
		t.Fatal(err)
	}
	environ := append(os.Environ(), "CNI_COMMAND=ADD", "CNI_CONTAINERID=c1")
	out, err := r.ExecPlugin(inside(context.Background(), "c1"), path, []byte("stdin"), environ)
	return string(out), err
}

func TestRunnerGivesPluginsAnEnvironmentOfTheirOwn(t *testing.T) {
	out, err := run(t, "env | grep -v '^PWD\\|^_=\\|^SHLVL' | sort; cat; pwd", 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	want := "BRAID_INSIDE=c1\nCNI_COMMAND=ADD\nCNI_CONTAINERID=c1\nEXTRA=1\n" +
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nstdin/\n"
	if out != want {
		t.Errorf("got\n%s\nwant\n%s", out, want)
	}
}

func TestRunnerTellsWhyAPluginFailed(t *testing.T) {
	for _, tt := range []struct {
		name, body string
		code       uint
		text       string
	}{
		{"CNI error on stdout", `echo '{"code":7,"msg":"bad master","details":"eth9"}'; exit 1`, 7, `plugin "plug": bad master; eth9`},
		{"text on stderr", "echo went wrong >&2; exit 3", types.ErrInternal, "went wrong"},
		{"silence", "exit 3", types.ErrInternal, "exit status 3"},
		{"a crash", "kill -SEGV $$", types.ErrInternal, "segmentation fault"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := run(t, tt.body, 5*time.Second)
			var cni *types.Error
			if !errors.As(err, &cni) || cni.Code != tt.code || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("got %v (%+v), want code %d and %q", err, cni, tt.code, tt.text)
			}
		})
	}
}

// A plugin that hangs is killed with its children, which hold its stdout open.
func TestRunnerKillsAPluginThatHangs(t *testing.T) {
	pid := filepath.Join(t.TempDir(), "pid")
	start := time.Now()
	_, err := run(t, "sleep 60 & echo $! > "+pid+"; wait", 300*time.Millisecond)
	var cni *types.Error
	if !errors.As(err, &cni) || cni.Code != types.ErrTryAgainLater {
		t.Errorf("got %v", err)
	}
	if took := time.Since(start); took > 4*time.Second {
		t.Errorf("took %v", took)
	}
	raw, err := os.ReadFile(pid)
	if err != nil {
		t.Fatal(err)
	}
	if !gone(strings.TrimSpace(string(raw))) {
		t.Error("the plugin's child is alive")
	}
}

// gone waits a moment for a process to end or to be a zombie that its new parent has not reaped.
func gone(pid string) bool {
	for range 50 {
		stat, err := os.ReadFile("/proc/" + pid + "/stat")
		if err != nil || strings.Contains(string(stat), ") Z ") {
			return true
		}
		time.Sleep(20 * time.Millisecond)
	}
	return false
}

// A binary that an installer is writing gives "text file busy"; libcni's own retry cannot run a command twice.
func TestRunnerWaitsForABinaryThatIsBeingWritten(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "plug")
	sh, err := os.ReadFile("/bin/true")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, sh, 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(250*time.Millisecond, func() { f.Close() })
	if _, err := (Runner{Root: "/", Timeout: 5 * time.Second}).ExecPlugin(context.Background(), path, nil, nil); err != nil {
		t.Errorf("got %v", err)
	}
}

func TestRunnerExecutesInsideTheHostsRoot(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: chroot")
	}
	root := t.TempDir()
	bin := filepath.Join(root, "opt", "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	r := Runner{Root: root, Timeout: 5 * time.Second}
	if err := os.WriteFile(filepath.Join(bin, "plug"), []byte("#!/bin/none\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	path, err := r.FindInPath("plug", []string{"/opt/bin"})
	if err != nil || path != "/opt/bin/plug" {
		t.Fatalf("got %q, %v", path, err)
	}
	// The interpreter is missing inside that root, and only there is it looked for.
	if _, err := r.ExecPlugin(context.Background(), path, nil, nil); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("got %v", err)
	}
}
