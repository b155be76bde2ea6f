package ipam

import (
	"encoding/json"
	"net/netip"

	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/version"
)

// A RawNet is what drivers read of a network configuration outside its "ipam" object, exactly as it is written.
type RawNet struct {
	CNIVersion string          `json:"cniVersion"`
	Name       string          `json:"name"`
	IPAM       json.RawMessage `json:"ipam"`
	PrevResult json.RawMessage `json:"prevResult"`
	Args       struct {
		CNI struct {
			IPs []string `json:"ips"`
		} `json:"cni"`
	} `json:"args"`
	RuntimeConfig struct {
		IPs      []string        `json:"ips"`
		IPRanges json.RawMessage `json:"ipRanges"`
	} `json:"runtimeConfig"`
}

// Net decodes a network configuration, and its "ipam" object into the struct that section points to, and notes
// mistakes. Its own error, of code 6, means that there is nothing to decode.
func (m *Mistakes) Net(data []byte, section any) (*RawNet, error) {
	if err := Decodable(data); err != nil {
		return nil, err
	}
	n := new(RawNet)
	m.DecodeKnown("", data, n)
	if len(n.IPAM) == 0 {
		m.Add("ipam", "", "is missing: write an object with addresses to give")
		return n, nil
	}
	m.Decode("ipam", n.IPAM, section)
	return n, nil
}

// Decodable returns an error of code 6 for what is no JSON object.
func Decodable(data []byte) error {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(data, &object); err != nil {
		return Errorf(types.ErrDecodingFailure, "decode the network configuration: %w", err)
	}
	return nil
}

// Families notes addresses that a result of cniVersion has no place for: before 0.3.0 it had one of a family.
func (m *Mistakes) Families(cniVersion string, addrs []netip.Addr) {
	count := map[bool]int{}
	for _, addr := range addrs {
		count[addr.Is4()]++
	}
	if count[true] < 2 && count[false] < 2 {
		return
	}
	if ok, _ := version.GreaterThanOrEqualTo(cniVersion, "0.3.0"); !ok {
		m.Add("cniVersion", cniVersion, `allows one address of a family: write "0.3.0" or higher, or ask for fewer addresses`)
	}
}
