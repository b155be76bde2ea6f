package agent

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/braid-cni/braid/agent/hostfile"
)

// memoryName is the file, in the state folder, that says which CNI configurations the agent may have written.
const memoryName = "conflist.json"

// A written is a file of the host as the agent wrote it, or was about to.
type written struct {
	Dir  string `json:"dir"`
	Name string `json:"name"`
	// SHA256 of its content, in hexadecimal digits: a file with another content is somebody else's by now.
	SHA256 string `json:"sha256"`
}

func (w written) place() place { return place{w.Dir, w.Name} }

func asWritten(at place, content []byte) written {
	sum := sha256.Sum256(content)
	return written{at.dir, at.name, hex.EncodeToString(sum[:])}
}

// A memory outlives the agent: an agent that starts with another configuration removes what the one before it wrote. It is
// written before the file it tells of.
type memory struct {
	// dir is the state folder; empty remembers nothing.
	dir   string
	files []written
}

// recall reads what an agent before this one wrote. Where there was none, that is nothing.
func recall(dir string) (*memory, error) {
	m := &memory{dir: dir}
	if dir == "" {
		return m, nil
	}
	text, err := os.ReadFile(filepath.Join(dir, memoryName))
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &m.files)
	}
	if err != nil {
		return m, fmt.Errorf("read which CNI configurations this node has of Braid: %w", err)
	}
	return m, nil
}

// set replaces the list, durably.
func (m *memory) set(files []written) error {
	if slices.Equal(files, m.files) {
		return nil
	}
	if m.dir != "" {
		if err := m.write(files); err != nil {
			return fmt.Errorf("remember which CNI configurations this node has of Braid: %w", err)
		}
	}
	m.files = files
	return nil
}

func (m *memory) write(files []written) error {
	text, err := json.Marshal(files)
	if err != nil {
		return err
	}
	dir, err := hostfile.Make("/", m.dir)
	if err != nil {
		return err
	}
	defer dir.Close()
	_, _, err = dir.Replace(memoryName, append(text, '\n'), 0o600)
	return err
}

// add puts a file on the list.
func (m *memory) add(file written) error {
	if slices.Contains(m.files, file) {
		return nil
	}
	return m.set(append(slices.Clone(m.files), file))
}
