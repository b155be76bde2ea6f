// Package binaries builds the programs of the test cluster from Go modules, once per version, into the user's cache.
package binaries

import (
	"context"
	"encoding/json"
	"fmt"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
)

// A component is one tool module below this folder: its tools.go lists the programs, its go.mod says which version.
type component struct {
	name    string // folder of the tool module, and first half of the name in the cache
	module  string // the module whose version names the component
	tags    string
	version string // linker symbol that takes the version; "" if the program finds it by itself
	patient string // how long a first build takes, for the progress lines
}

func components() []component {
	return []component{
		{
			name: "kubernetes", module: "k8s.io/kubernetes", patient: "8 minutes",
			// Unset, the version is a template that clients cannot parse.
			version: "k8s.io/component-base/version.gitVersion",
		},
		{
			name: "containerd", module: "github.com/containerd/containerd/v2", patient: "2 minutes",
			// These snapshotters need C libraries or devices; the nodes use overlayfs.
			tags:    "no_btrfs no_devmapper no_zfs",
			version: "github.com/containerd/containerd/v2/version.Version",
		},
		{
			// The newest whose module is whole: later ones need a module out of their own repository that has no version.
			name: "nerdctl", module: "github.com/containerd/nerdctl", patient: "a minute",
			version: "github.com/containerd/nerdctl/pkg/version.Version",
		},
		{name: "plugins", module: "github.com/containernetworking/plugins", patient: "half a minute"},
	}
}

// programs reads from the component's tools.go which packages to build.
func (c component) programs(source string) ([]string, error) {
	path := filepath.Join(c.folder(source), "tools.go")
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
	if err != nil {
		return nil, fmt.Errorf("read programs of %s: %w", c.name, err)
	}
	var pkgs []string
	for _, spec := range file.Imports {
		pkg, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, fmt.Errorf("read programs of %s: %w", c.name, err)
		}
		pkgs = append(pkgs, pkg)
	}
	return pkgs, nil
}

// moduleVersion reads from the component's go.mod which version it pins.
func (c component) moduleVersion(ctx context.Context, source string) (string, error) {
	out, err := goCommand(ctx, c.folder(source), "mod", "edit", "-json")
	if err != nil {
		return "", fmt.Errorf("read version of %s: %w", c.name, err)
	}
	var mod struct {
		Require []struct{ Path, Version string }
	}
	if err := json.Unmarshal(out, &mod); err != nil {
		return "", fmt.Errorf("read version of %s: %w", c.name, err)
	}
	for _, r := range mod.Require {
		if r.Path == c.module {
			return r.Version, nil
		}
	}
	return "", fmt.Errorf("read version of %s: go.mod does not require %s", c.name, c.module)
}

func (c component) folder(source string) string {
	return filepath.Join(source, "binaries", c.name)
}

func (c component) ldflags(version string) string {
	flags := "-s -w"
	if c.version != "" {
		flags += " -X " + c.version + "=" + version
	}
	return flags
}

// programName is the file name of a package's program: its last element, but never a bare major version.
func programName(pkg string) string {
	if strings.HasPrefix(pkg, "go.etcd.io/etcd/server/") {
		return "etcd"
	}
	return filepath.Base(pkg)
}
