package binaries

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// A Set says in which folder the programs of each component are.
type Set struct {
	Kubernetes string // kube-apiserver, kube-controller-manager, kube-scheduler, kubelet, kubectl, etcd
	Containerd string // containerd, containerd-shim-runc-v2, ctr
	Nerdctl    string // nerdctl
	Plugins    string // the CNI reference plugins
}

// Ensure builds what is missing in the user's cache folder, which all checkouts share, and returns where it is.
// With everything built it takes a few milliseconds; out gets a line for each step of a build.
func Ensure(ctx context.Context, out io.Writer) (Set, error) {
	src, err := source(ctx)
	if err != nil {
		return Set{}, err
	}
	cache, err := cacheFolder()
	if err != nil {
		return Set{}, err
	}
	dirs := map[string]string{}
	for _, c := range components() {
		dir, err := ensure(ctx, out, c, src, cache)
		if err != nil {
			return Set{}, err
		}
		dirs[c.name] = dir
	}
	return Set{Kubernetes: dirs["kubernetes"], Containerd: dirs["containerd"], Nerdctl: dirs["nerdctl"], Plugins: dirs["plugins"]}, nil
}

func cacheFolder() (string, error) {
	user, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the cache folder for binaries: %w", err)
	}
	dir := filepath.Join(user, "braid")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("make the cache folder for binaries: %w", err)
	}
	return dir, nil
}

func ensure(ctx context.Context, out io.Writer, c component, src, cache string) (string, error) {
	version, err := c.moduleVersion(ctx, src)
	if err != nil {
		return "", err
	}
	pkgs, err := c.programs(src)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, c.name+"-"+version)
	if len(missing(dir, pkgs)) == 0 {
		return dir, nil
	}
	unlock, err := lock(ctx, dir+".lock", c.name, out)
	if err != nil {
		return "", err
	}
	defer unlock()
	// Looked at again: the run that held the lock has built some or all of them.
	b := build{component: c, version: version, source: src, dir: dir, total: len(pkgs), out: out, begun: time.Now()}
	return dir, b.run(ctx, missing(dir, pkgs))
}

func missing(dir string, pkgs []string) []string {
	var out []string
	for _, pkg := range pkgs {
		if _, err := os.Stat(filepath.Join(dir, programName(pkg))); err != nil {
			out = append(out, pkg)
		}
	}
	return out
}
