package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/braid-cni/braid/netattach"
)

const reinstall = "restart the node's agent, whose init step installs it: kubectl -n braid-system delete pod -l app.kubernetes.io/component=agent --field-selector spec.nodeName=NODE"

// binary finds a door that the runtime cannot execute.
func binary(_ context.Context, v *visit) ([]Finding, error) {
	file := path.Join(v.BinDir, netattach.TypeBraid)
	wrong, err := v.notExecutable(file)
	if err != nil || wrong == "" {
		return nil, err
	}
	return []Finding{fault(file+" "+wrong, reinstall)}, nil
}

// notExecutable says why a file cannot be executed, empty if it can.
func (v *visit) notExecutable(file string) (string, error) {
	info, err := v.files.stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "is missing", nil
	case err != nil:
		return "", fmt.Errorf("look for plugin %s: %w", file, err)
	case !info.Mode().IsRegular():
		return "is not a file", nil
	case info.Mode().Perm()&0o111 == 0:
		return fmt.Sprintf("is not executable (mode %04o)", info.Mode().Perm()), nil
	case info.Size() == 0:
		return "is empty", nil
	}
	return "", nil
}
