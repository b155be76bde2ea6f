// Package lab is a laboratory: nodes and pods as network namespaces on one machine, without a cluster. It takes the
// manifests that kubectl takes. On every node runs a real agent; pods are attached by libcni through the real braid
// binary, with the environment that containerd gives.
//
// A node is a network namespace and a private mount namespace with folders of its own in place of /var/lib/cni,
// /var/lib/braid, /run/braid and /etc/cni/net.d. Its uplink ends at a switch, which is a namespace too, so the
// machine's own links, addresses, routes and folders stay as they are. All that a laboratory is lies in one folder.
//
// It needs root, and nothing but the programs braid and braidd.
package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// DefaultDir is where a laboratory is unless another folder is named.
const DefaultDir = "/run/braid-lab"

// Options say what to bring up.
type Options struct {
	// Dir is the laboratory's folder, DefaultDir if empty. It must be absent or empty, and its path short: a unix
	// socket's, below it, may have 107 bytes.
	Dir string
	// Nodes is their number, 1 if zero. They are called node-1, node-2 and so on.
	Nodes int
	// Manifests are files of Pods and NetworkAttachmentDefinitions. A pod goes to spec.nodeName; by a required pod
	// affinity to the node of the pod that matches; else to the nodes in turn.
	Manifests []string
	// Programs is the folder of braid and braidd; empty is the folder of the running program.
	Programs string
}

// A Lab is a laboratory that is up.
type Lab struct {
	dir string
	state
}

// Up brings a laboratory up. When it fails, nothing is left of it.
func Up(ctx context.Context, o Options) (*Lab, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	plan, err := newPlan(o)
	if err != nil {
		return nil, err
	}
	l, err := claim(o.Dir)
	if err != nil {
		return nil, err
	}
	if err := l.build(ctx, o, plan); err != nil {
		return nil, errors.Join(err, l.Down(context.WithoutCancel(ctx)))
	}
	return l, nil
}

func (o Options) complete() (Options, error) {
	if os.Geteuid() != 0 {
		return o, errors.New("the laboratory makes network namespaces: run it as root")
	}
	if o.Nodes == 0 {
		o.Nodes = 1
	}
	if o.Nodes < 1 || o.Nodes > maxNodes {
		return o, fmt.Errorf("%d nodes are asked for: a laboratory has 1 to %d", o.Nodes, maxNodes)
	}
	if o.Programs == "" {
		self, err := os.Executable()
		if err != nil {
			return o, fmt.Errorf("find the folder of braid and braidd: %w", err)
		}
		o.Programs = filepath.Dir(self)
	}
	dir, err := absolute(o.Dir)
	o.Dir = dir
	return o, err
}

func absolute(dir string) (string, error) {
	if dir == "" {
		return DefaultDir, nil
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("find the laboratory's folder: %w", err)
	}
	return dir, nil
}

// build makes everything, in the order in which one thing needs another. What it is about to make is in the state
// before it is made, so that Down finds it.
func (l *Lab) build(ctx context.Context, o Options, p *plan) error {
	if err := l.install(o, p); err != nil {
		return err
	}
	if err := l.makeSwitch(); err != nil {
		return err
	}
	for _, n := range l.Nodes {
		if err := l.bringUp(ctx, n, filepath.Join(o.Programs, "braidd")); err != nil {
			return fmt.Errorf("bring %s up: %w", n.Name, err)
		}
	}
	for _, pod := range l.Pods {
		if err := l.attach(ctx, pod); err != nil {
			return fmt.Errorf("start pod %s on %s: %w", pod, pod.Node, err)
		}
	}
	return nil
}

// install copies what the nodes read: the manifests, and the plugin under its names.
func (l *Lab) install(o Options, p *plan) error {
	l.Nodes, l.Pods = p.nodes, p.pods
	if err := l.save(); err != nil {
		return err
	}
	for name, content := range p.files {
		if err := writeFile(l.path("manifests", name), content, 0o644); err != nil {
			return err
		}
	}
	door, err := os.ReadFile(filepath.Join(o.Programs, "braid"))
	if err != nil {
		return fmt.Errorf("find the programs (are braid and braidd built?): %w", err)
	}
	for _, name := range []string{"braid", "braid-bridge", "braid-ipam", "braid-overlay", "braid-routed"} {
		if err := writeFile(l.path("bin", name), door, 0o755); err != nil {
			return err
		}
	}
	return nil
}

func (l *Lab) path(elements ...string) string {
	return filepath.Join(append([]string{l.dir}, elements...)...)
}

// writeFile makes the file and the folders above it.
func writeFile(path string, content []byte, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	if err := os.WriteFile(path, content, mode); err != nil {
		return fmt.Errorf("write a file: %w", err)
	}
	return nil
}
