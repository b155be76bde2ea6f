package cluster

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

const binFolder = "/opt/cni/bin"

// WriteFile writes a file of the node, whole or not at all: CNI configurations are read as soon as they are there.
func (n *Node) WriteFile(path string, content []byte) error {
	return n.write(path, content, 0o644)
}

// CopyProgram copies a program of this machine to the node's /opt/cni/bin, under each of the names. It replaces one
// that may be running.
func (n *Node) CopyProgram(file string, names ...string) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("copy program to %s: %w", n.Name, err)
	}
	for _, name := range names {
		if err := n.write(filepath.Join(binFolder, name), content, 0o755); err != nil {
			return err
		}
	}
	return nil
}

// copyPrograms copies every program of a folder of this machine.
func (n *Node) copyPrograms(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("copy programs to %s: %w", n.Name, err)
	}
	for _, e := range entries {
		if err := n.CopyProgram(filepath.Join(dir, e.Name()), e.Name()); err != nil {
			return err
		}
	}
	return nil
}

func (n *Node) write(path string, content []byte, mode fs.FileMode) error {
	aside := n.Path(filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".new"))
	if err := os.WriteFile(aside, content, mode); err != nil {
		return fmt.Errorf("write %s on %s: %w", path, n.Name, err)
	}
	if err := os.Rename(aside, n.Path(path)); err != nil {
		return fmt.Errorf("write %s on %s: %w", path, n.Name, err)
	}
	return nil
}
