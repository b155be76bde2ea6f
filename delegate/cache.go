package delegate

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/containernetworking/cni/libcni"

	"github.com/braid-cni/braid/store"
)

// seedCache puts the stored result where libcni looks for it at DEL and CHECK (libcni v1.3, cniCacheV1). An attachment
// without a result, whose ADD never came to its end, has no file.
func (d *Delegator) seedCache(network string, c *store.Container, a *store.Attachment) error {
	path := filepath.Join(d.o.CacheDir, "results", network+"-"+c.ID+"-"+a.IfName)
	if a.Result == nil {
		return ignoreAbsent(os.Remove(path))
	}
	file, err := json.Marshal(struct {
		Kind        string          `json:"kind"`
		ContainerID string          `json:"containerId"`
		IfName      string          `json:"ifName"`
		NetworkName string          `json:"networkName"`
		Result      json.RawMessage `json:"result"`
	}{libcni.CNICacheV1, c.ID, a.IfName, network, a.Result})
	if err != nil {
		return fmt.Errorf("encode the result of network %q: %w", network, err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make the result folder: %w", err)
	}
	if err := os.WriteFile(path, file, 0o600); err != nil {
		return fmt.Errorf("hand over the result of network %q: %w", network, err)
	}
	return nil
}

func ignoreAbsent(err error) error {
	if os.IsNotExist(err) {
		return nil
	}
	return err
}
