package cluster

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// The folders that most container runtimes have for CNI.
const (
	confFolder = "/etc/cni/net.d"
	binFolder  = "/opt/cni/bin"
)

// WriteFile writes a file of the node, whole or not at all: CNI configurations are read as soon as they are there.
func (n *Node) WriteFile(path string, content []byte) error {
	return n.write(path, content, 0o644)
}

// copyPrograms copies every program of a folder of this machine to the node's /opt/cni/bin.
func (n *Node) copyPrograms(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("copy programs to %s: %w", n.Name, err)
	}
	for _, e := range entries {
		content, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return fmt.Errorf("copy programs to %s: %w", n.Name, err)
		}
		if err := n.write(filepath.Join(binFolder, e.Name()), content, 0o755); err != nil {
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
