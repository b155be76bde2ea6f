// Package devinfo keeps device information files: what is known of the device of an attachment, for the pod and for
// network-status, from ADD to DEL (Device Information Specification 1.1).
package devinfo

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"

	netv1 "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"

	"github.com/braid-cni/braid/agent/hostfile"
)

// maxSize bounds a file; real ones have a few hundred bytes.
const maxSize = 64 << 10

// Prepare makes the folder of an attachment's file, and gives the file the content of the device plugin's where that one
// exists. from may be empty. Both are paths of the host, whose root is mounted at root.
func Prepare(root, file, from string) error {
	folder, err := hostfile.Make(root, path.Dir(file))
	if err != nil {
		return fmt.Errorf("make the folder of device information: %w", err)
	}
	defer folder.Close()
	// What an earlier container left under the name is not about this one.
	if _, err := folder.Delete(path.Base(file)); err != nil {
		return fmt.Errorf("remove stale device information: %w", err)
	}
	if from == "" {
		return nil
	}
	content, err := read(root, from)
	if content == nil || err != nil {
		return err
	}
	if _, _, err := folder.Replace(path.Base(file), content, 0o444); err != nil {
		return fmt.Errorf("copy device information: %w", err)
	}
	return nil
}

// Read returns what the attachment's file says after its plugins ran; nil where there is none.
func Read(root, file string) (*netv1.DeviceInfo, error) {
	content, err := read(root, file)
	if content == nil || err != nil {
		return nil, err
	}
	info := new(netv1.DeviceInfo)
	if err := json.Unmarshal(content, info); err != nil {
		return nil, fmt.Errorf("read device information %s: %w", file, err)
	}
	return info, nil
}

// Remove takes the attachment's file away. One that is not there is no error.
func Remove(root, file string) error {
	folder, err := hostfile.Open(root, path.Dir(file))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer folder.Close()
	if _, err := folder.Delete(path.Base(file)); err != nil {
		return fmt.Errorf("remove device information: %w", err)
	}
	return nil
}

// read returns the content of a file of the host, nil where there is none.
func read(root, name string) ([]byte, error) {
	f, err := hostfile.OpenFile(root, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return nil, fmt.Errorf("read device information %s: %w", name, err)
	}
	if len(content) > maxSize {
		return nil, fmt.Errorf("device information %s is larger than %d bytes", name, maxSize)
	}
	return content, nil
}
