package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// stateFile makes a folder a laboratory: nothing is removed from one without it.
const stateFile = "lab.json"

// state is what another process needs to know of the laboratory.
type state struct {
	// MadeDir says that the folder was not there before.
	MadeDir bool
	Nodes   []*Node
	Pods    []*Pod
}

// A Node is a machine of the laboratory.
type Node struct {
	Name string
	// Address is the node's own, PodRange that of its pods on the cluster network.
	Address  netip.Prefix
	PodRange netip.Prefix
	// Agent is the node's braidd.
	Agent process

	dir string
}

// A Pod is one pod of the laboratory.
type Pod struct {
	Namespace, Name, UID string
	// Container is the ID of its sandbox.
	Container string
	// Node is the name of the node that it is on.
	Node string
}

// String returns "namespace/name".
func (p *Pod) String() string { return p.Namespace + "/" + p.Name }

// Open finds the laboratory in a folder, DefaultDir if empty.
func Open(dir string) (*Lab, error) {
	dir, err := absolute(dir)
	if err != nil {
		return nil, err
	}
	content, err := os.ReadFile(filepath.Join(dir, stateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no laboratory is up in %s: %w", dir, err)
	}
	if err != nil {
		return nil, fmt.Errorf("read the laboratory's state: %w", err)
	}
	l := &Lab{dir: dir}
	// An Up that was killed at its first step leaves the file empty: a laboratory without nodes.
	if len(content) > 0 {
		if err := json.Unmarshal(content, &l.state); err != nil {
			return nil, fmt.Errorf("read the laboratory's state: %w", err)
		}
	}
	l.locate()
	return l, nil
}

// claim makes the folder a laboratory's. It is shared with the mount namespaces that are made later, so that they see
// the network namespaces that are mounted in it; the machine's root may not be.
func claim(dir string) (*Lab, error) {
	l := &Lab{dir: dir}
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		l.MadeDir = true
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, fmt.Errorf("make the laboratory's folder: %w", err)
		}
	case err != nil:
		return nil, fmt.Errorf("look at the laboratory's folder: %w", err)
	case len(entries) > 0:
		return nil, fmt.Errorf("%s is not empty: if a laboratory was left there, end it by \"braidctl lab down --dir %s\"", dir, dir)
	}
	file, err := os.OpenFile(filepath.Join(dir, stateFile), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("claim the laboratory's folder: %w", err)
	}
	err = errors.Join(file.Close(), l.save(), share(dir))
	if err != nil {
		return nil, errors.Join(err, l.clear())
	}
	return l, nil
}

func share(dir string) error {
	if err := unix.Mount(dir, dir, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mount the laboratory's folder: %w", err)
	}
	if err := unix.Mount("", dir, "", unix.MS_SHARED, ""); err != nil {
		return fmt.Errorf("share the laboratory's folder: %w", err)
	}
	return nil
}

// save replaces the state file.
func (l *Lab) save() error {
	l.locate()
	content, err := json.MarshalIndent(l.state, "", "  ")
	if err != nil {
		return fmt.Errorf("write the laboratory's state: %w", err)
	}
	next := l.path(stateFile + ".new")
	if err := os.WriteFile(next, content, 0o600); err != nil {
		return fmt.Errorf("write the laboratory's state: %w", err)
	}
	if err := os.Rename(next, l.path(stateFile)); err != nil {
		return fmt.Errorf("write the laboratory's state: %w", err)
	}
	return nil
}

func (l *Lab) locate() {
	for _, n := range l.Nodes {
		n.dir = l.path("nodes", n.Name)
	}
}

// Sockets are those of the nodes' agents, as this machine sees them.
func (l *Lab) Sockets() []string {
	var sockets []string
	for _, n := range l.Nodes {
		sockets = append(sockets, n.socket())
	}
	return sockets
}

// Pod finds a pod by "namespace/name", or by a name in the namespace default.
func (l *Lab) Pod(name string) (*Pod, error) {
	if !strings.Contains(name, "/") {
		name = "default/" + name
	}
	for _, p := range l.Pods {
		if p.String() == name {
			return p, nil
		}
	}
	return nil, fmt.Errorf("the laboratory has no pod %s", name)
}

func (l *Lab) node(name string) (*Node, error) {
	for _, n := range l.Nodes {
		if n.Name == name {
			return n, nil
		}
	}
	return nil, fmt.Errorf("the laboratory has no node %s", name)
}
