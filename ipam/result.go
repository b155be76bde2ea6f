package ipam

import (
	"encoding/json"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/containernetworking/cni/pkg/version"
)

// PrevResult reads a configuration's prevResult, whose version is the configuration's when it names none. It
// returns nil when raw is empty or null. Errors have code 6.
func PrevResult(cniVersion string, raw json.RawMessage) (*current.Result, error) {
	conf := types.PluginConf{CNIVersion: cniVersion}
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	err := json.Unmarshal(raw, &conf.RawPrevResult)
	if err == nil {
		err = version.ParsePrevResult(&conf)
	}
	if err != nil {
		return nil, Errorf(types.ErrDecodingFailure, "read prevResult: %w", err)
	}
	result, err := current.NewResultFromResult(conf.PrevResult)
	if err != nil {
		return nil, Errorf(types.ErrDecodingFailure, "convert prevResult: %w", err)
	}
	return result, nil
}
