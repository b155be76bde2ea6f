package bench

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	// module is where this package and the pinned reference plugins live.
	module = "github.com/braid-cni/braid"
	// pluginsModule is the reference plugins' module.
	pluginsModule = "github.com/containernetworking/plugins"
)

// references are the reference plugins that are measured: their packages within the module.
func references() []string {
	return []string{"plugins/main/bridge", "plugins/ipam/host-local", "plugins/ipam/static"}
}

// BuildPlugins builds the reference plugins from the module that pins them. It returns their folder in the user's cache
// folder, which later runs find filled, and their version.
func BuildPlugins(ctx context.Context) (dir, version string, err error) {
	root, err := Checkout(ctx)
	if err != nil {
		return "", "", err
	}
	pin := filepath.Join(root, "e2e", "binaries", "plugins")
	if version, err = goTool(ctx, pin, "list", "-m", "-f", "{{.Version}}", pluginsModule); err != nil {
		return "", "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", "", fmt.Errorf("find the cache folder: %w", err)
	}
	dir = filepath.Join(cache, "braid", "plugins-"+version)
	return dir, version, buildOnce(ctx, pin, dir)
}

// buildOnce fills a folder of plugins that other runs, and the tests on a cluster, share. Programs appear in it
// whole, and under the lock that all of them take.
func buildOnce(ctx context.Context, pin, dir string) error {
	if len(missing(dir)) == 0 {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the folder of plugins: %w", err)
	}
	lock, err := os.OpenFile(dir+".lock", os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return fmt.Errorf("open the lock of the plugins' folder: %w", err)
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		return fmt.Errorf("lock the plugins' folder: %w", err)
	}
	fresh, err := os.MkdirTemp(filepath.Dir(dir), "building-")
	if err != nil {
		return fmt.Errorf("make a folder to build in: %w", err)
	}
	defer os.RemoveAll(fresh)
	// Looked at again: whoever held the lock has built some of them.
	for _, reference := range missing(dir) {
		if err := build(ctx, pin, fresh, pluginsModule+"/"+reference); err != nil {
			return err
		}
		name := filepath.Base(reference)
		if err := os.Rename(filepath.Join(fresh, name), filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("put a plugin in place: %w", err)
		}
	}
	return nil
}

// missing are the reference plugins that a folder lacks.
func missing(dir string) (packages []string) {
	for _, reference := range references() {
		if _, err := os.Stat(filepath.Join(dir, filepath.Base(reference))); err != nil {
			packages = append(packages, reference)
		}
	}
	return packages
}

// BuildBraid builds the door and the agent into dir, with the door's other names and a program that does nothing, and
// returns the commit they are from.
func BuildBraid(ctx context.Context, dir string) (commit string, err error) {
	root, err := Checkout(ctx)
	if err != nil {
		return "", err
	}
	if err := build(ctx, root, dir, "./cmd/braid", "./cmd/braidd", "./bench/cmd/nothing"); err != nil {
		return "", err
	}
	if err := linkDoor(dir); err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, "git", "-C", root, "describe", "--always", "--dirty").Output()
	if err != nil {
		return "unknown", nil
	}
	return strings.TrimSpace(string(out)), nil
}

// Checkout is the root folder of the checkout that the caller works in.
func Checkout(ctx context.Context) (string, error) {
	return goTool(ctx, ".", "list", "-m", "-f", "{{.Dir}}", module)
}

// build builds packages into dir, as small static binaries: what a release of plugins is.
func build(ctx context.Context, in, dir string, packages ...string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the folder of binaries: %w", err)
	}
	_, err := goTool(ctx, in, append([]string{"build", "-trimpath", "-ldflags=-s -w", "-ldflags=" + module + "/cmd/braid=-s -w -E _braid_entry", "-o", dir + "/"}, packages...)...)
	return err
}

// goTool runs the go command in a folder and returns what it prints.
func goTool(ctx context.Context, in string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = in
	// The module that pins the reference plugins is in no workspace.
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("run go %s: %w: %s", strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimSpace(string(out)), nil
}
