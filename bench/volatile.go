package bench

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// volatile are the folders in that of a subject that lie on a tmpfs on a node, or may as well: what agent and runtime pass on in
// files, and leases, which no pod outlives.
func volatile() []string { return []string{"run", "cache", "leases"} }

// MakeFolder makes the folder of a subject, on the disk to measure but for what need not survive a power loss. It must be called in
// a mount namespace of its own, with which the mounts end.
func MakeFolder(path string) error {
	for _, name := range volatile() {
		at := filepath.Join(path, name)
		if err := os.MkdirAll(at, 0o755); err != nil {
			return fmt.Errorf("make the folder of a subject: %w", err)
		}
		if err := unix.Mount("tmpfs", at, "tmpfs", 0, "mode=755"); err != nil {
			return fmt.Errorf("mount a tmpfs on %s: %w", at, err)
		}
	}
	return nil
}
