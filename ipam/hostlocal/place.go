package hostlocal

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/utils"

	"github.com/braid-cni/braid/ipam"
)

// defaultDataDir is where the reference keeps the folders of all networks.
const defaultDataDir = "/var/lib/cni/networks"

// A place is where a network's leases are.
type place struct {
	network string
	// folder is an absolute path inside the root, without "..".
	folder string
}

// parsePlaceOnly reads no more of a configuration than DEL and GC need, so that a broken range keeps no address.
func parsePlaceOnly(data []byte) (place, error) {
	if err := ipam.Decodable(data); err != nil {
		return place{}, err
	}
	var n ipam.RawNet
	// Errors are left to what is missing afterwards: a wrong type in a field that is not used here does no harm.
	_ = json.Unmarshal(data, &n)
	var m ipam.Mistakes
	var i struct {
		DataDir string `json:"dataDir"`
	}
	if len(n.IPAM) == 0 {
		m.Add("ipam", "", "is missing: without it the folder of the leases is not known")
	} else {
		m.DecodeKnown("ipam", n.IPAM, &i)
	}
	p := parsePlace(&m, n.Name, i.DataDir)
	return p, m.Err(fmt.Sprintf("find the host-local folder of network %q", n.Name))
}

// parsePlace puts the folder of a network together.
func parsePlace(m *ipam.Mistakes, network, dataDir string) place {
	if err := utils.ValidateNetworkName(network); err != nil {
		m.Add("name", network, "is no network name: begin with a letter or digit and go on with those, '_', '.' or '-'")
	}
	if dataDir == "" {
		dataDir = defaultDataDir
	}
	return place{network: network, folder: path.Join(cleanPath(m, "ipam.dataDir", dataDir), network)}
}

// cleanPath refuses a path that is relative or climbs. An empty one stays empty.
func cleanPath(m *ipam.Mistakes, field, p string) string {
	switch {
	case p == "":
		return ""
	case !path.IsAbs(p):
		m.Add(field, p, "is a relative path: begin it with '/'")
	case slices.Contains(strings.Split(p, "/"), ".."):
		m.Add(field, p, "has '..' in it: write the path without")
	case strings.ContainsRune(p, 0):
		m.Add(field, p, "has a zero byte in it: remove it")
	}
	return path.Clean(p)
}

// failed names the network and its folder in an error, with code 5 unless it has one.
func (p place) failed(err error) error {
	if err == nil {
		return nil
	}
	return ipam.WithCode(types.ErrIOFailure, fmt.Errorf("host-local network %q in %s: %w", p.network, p.folder, err))
}
