package bridge

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/containernetworking/cni/pkg/types/create"
	"github.com/containernetworking/cni/pkg/utils"
	"github.com/containernetworking/cni/pkg/version"

	"github.com/braid-cni/braid/kernel"
)

// defaultBridge is the name of the bridge in a configuration that has none.
const defaultBridge = "cni0"

// Bounds of an MTU in bytes: what IPv4 asks of every link (RFC 791), and what a veth can carry.
const minMTU, maxMTU = 68, 65535

const maxVLAN = 4094

// rawConfig has the shape of the JSON. A pointer is nil when the key is absent.
type rawConfig struct {
	CNIVersion                string          `json:"cniVersion"`
	Name                      string          `json:"name"`
	Bridge                    *string         `json:"bridge"`
	IsGateway                 bool            `json:"isGateway"`
	IsDefaultGateway          bool            `json:"isDefaultGateway"`
	ForceAddress              bool            `json:"forceAddress"`
	IPMasq                    bool            `json:"ipMasq"`
	IPMasqBackend             *string         `json:"ipMasqBackend"`
	MTU                       int             `json:"mtu"`
	HairpinMode               bool            `json:"hairpinMode"`
	PromiscMode               bool            `json:"promiscMode"`
	VLAN                      int             `json:"vlan"`
	VLANTrunk                 []rawTrunk      `json:"vlanTrunk"`
	PreserveDefaultVLAN       bool            `json:"preserveDefaultVlan"`
	MACSpoofCheck             bool            `json:"macspoofchk"`
	EnableDAD                 bool            `json:"enabledad"`
	DisableContainerInterface bool            `json:"disableContainerInterface"`
	PortIsolation             bool            `json:"portIsolation"`
	IPAM                      rawIPAM         `json:"ipam"`
	DNS                       types.DNS       `json:"dns"`
	PrevResult                json.RawMessage `json:"prevResult"`
	Args                      struct {
		CNI struct {
			MAC string `json:"mac"`
		} `json:"cni"`
	} `json:"args"`
	RuntimeConfig struct {
		MAC string `json:"mac"`
	} `json:"runtimeConfig"`
}

type rawIPAM struct {
	Type string `json:"type"`
}

type rawTrunk struct {
	MinID *int `json:"minID"`
	MaxID *int `json:"maxID"`
	ID    *int `json:"id"`
}

// config is a configuration with defaults applied.
type config struct {
	network         string
	bridge          string
	gateway         bool
	defaultGateway  bool
	forceAddress    bool
	masquerade      bool
	mtu             int
	hairpin         bool
	promisc         bool
	vlan            int
	trunk           []uint16
	keepDefaultVLAN bool
	spoofCheck      bool
	dad             bool
	noContainerLink bool
	isolated        bool
	ipam            string
	dns             types.DNS
	mac             net.HardwareAddr
	prev            *current.Result
}

// parse is the function of that name, which is called once for the same configuration: one without a prevResult, which is of one
// pod only, as long as CNI_ARGS name no MAC.
func (p *Plugin) parse(data []byte, args string) (config, error) {
	if argument(args, "MAC") != "" || bytes.Contains(data, []byte(`"prevResult"`)) {
		return flawless(data, args)
	}
	return p.configs.Of(data, func() (config, error) { return flawless(data, "") })
}

// flawless is parse for those who can do nothing with a configuration that has mistakes.
func flawless(data []byte, args string) (config, error) {
	c, err := parse(data, args)
	if err != nil {
		return config{}, err
	}
	return *c, nil
}

// parse reads a configuration and CNI_ARGS and reports all mistakes at once, as a *types.Error of code 6 (not
// JSON of the right shape), 1 (version) or 7 (values). With code 7, and with code 6 for a value of the wrong type, the
// configuration is returned too: DEL works with what is right in it.
func parse(data []byte, args string) (*config, error) {
	var raw rawConfig
	if err := json.Unmarshal(data, &raw); err != nil {
		return raw.despite(err), types.NewError(types.ErrDecodingFailure, "read bridge configuration: "+err.Error(), "")
	}
	if v := raw.CNIVersion; v != "" && !slices.Contains(version.All.SupportedVersions(), v) {
		return nil, types.NewError(types.ErrIncompatibleCNIVersion,
			fmt.Sprintf("read bridge configuration: cniVersion %q is not supported", v),
			"use one of "+strings.Join(version.All.SupportedVersions(), ", "))
	}
	var m mistakes
	c := raw.config()
	c.trunk = raw.trunk(&m)
	c.mac = raw.mac(args, &m)
	c.prev = raw.prevResult(&m)
	c.validate(&raw, &m)
	return c, m.err()
}

// despite is what there is when a value has the wrong type, which keeps encoding/json from no other; nil after other
// errors.
func (r *rawConfig) despite(err error) *config {
	var wrong *json.UnmarshalTypeError
	if !errors.As(err, &wrong) {
		return nil
	}
	c := r.config()
	c.prev = r.prevResult(new(mistakes))
	return c
}

func (r *rawConfig) config() *config {
	c := &config{
		network: r.Name, bridge: defaultBridge, gateway: r.IsGateway || r.IsDefaultGateway,
		defaultGateway: r.IsDefaultGateway, forceAddress: r.ForceAddress, masquerade: r.IPMasq, mtu: r.MTU,
		hairpin: r.HairpinMode, promisc: r.PromiscMode, vlan: r.VLAN, keepDefaultVLAN: r.PreserveDefaultVLAN,
		spoofCheck: r.MACSpoofCheck, dad: r.EnableDAD, noContainerLink: r.DisableContainerInterface,
		isolated: r.PortIsolation, ipam: r.IPAM.Type, dns: r.DNS,
	}
	if r.Bridge != nil {
		c.bridge = *r.Bridge
	}
	return c
}

func (c *config) validate(r *rawConfig, m *mistakes) {
	if err := utils.ValidateNetworkName(c.network); err != nil {
		m.add("name", fmt.Sprintf("%q", c.network), "must be letters, digits, '_', '.' and '-', and begin with a letter or digit")
	}
	if !isLinkName(c.bridge) {
		m.add("bridge", fmt.Sprintf("%q", c.bridge), "must be a link name: 1 to 15 printable ASCII characters, no '/', ':', '%' or space, and not \"all\" or \"default\"")
	} else if kernel.IsLinkName(c.bridge) {
		m.add("bridge", fmt.Sprintf("%q", c.bridge), "is a name of pods' links; choose another")
	}
	if c.mtu != 0 && (c.mtu < minMTU || c.mtu > maxMTU) {
		m.add("mtu", c.mtu, fmt.Sprintf("must be 0 (the kernel's) or %d to %d", minMTU, maxMTU))
	}
	if c.vlan < 0 || c.vlan > maxVLAN {
		m.add("vlan", c.vlan, fmt.Sprintf("must be 0 (none) to %d", maxVLAN))
	}
	if c.hairpin && c.promisc {
		m.add("hairpinMode", true, "cannot be set together with promiscMode")
	}
	if c.ipam != "" && c.noContainerLink {
		m.add("disableContainerInterface", true, fmt.Sprintf("cannot be set together with ipam type %q", c.ipam))
	}
	if gateway := c.gatewayLink(); c.vlan > 0 && c.gateway && !isLinkName(gateway) {
		m.add("bridge", fmt.Sprintf("%q", c.bridge), fmt.Sprintf("is too long: the gateway of vlan %d would be %q, over 15 bytes", c.vlan, gateway))
	}
	if b := r.IPMasqBackend; b != nil && *b != "iptables" && *b != "nftables" {
		m.add("ipMasqBackend", fmt.Sprintf("%q", *b), `must be "nftables" or "iptables"`)
	}
}

// gatewayLink is the link that has the gateway's addresses, and by which packets of attachments enter the host.
func (c *config) gatewayLink() string {
	if c.vlan == 0 {
		return c.bridge
	}
	return fmt.Sprintf("%s.%d", c.bridge, c.vlan)
}

// filtersVLANs tells whether the bridge must tell VLANs apart.
func (c *config) filtersVLANs() bool { return c.vlan != 0 || len(c.trunk) > 0 }

// trunk lists the VLANs of all ranges, sorted.
func (r *rawConfig) trunk(m *mistakes) []uint16 {
	ids := make(map[uint16]bool)
	for i, t := range r.VLANTrunk {
		field := fmt.Sprintf("vlanTrunk[%d]", i)
		if (t.MinID == nil) != (t.MaxID == nil) {
			m.add(field, t, "needs minID and maxID together")
			continue
		}
		first, last := t.MinID, t.MaxID
		if first != nil && *last < *first {
			m.add(field, t, "minID is greater than maxID")
			continue
		}
		if first != nil && m.vlan(field+".minID", *first) && m.vlan(field+".maxID", *last) {
			for id := *first; id <= *last; id++ {
				ids[uint16(id)] = true
			}
		}
		if t.ID != nil && m.vlan(field+".id", *t.ID) {
			ids[uint16(*t.ID)] = true
		}
	}
	var sorted []uint16
	for id := range ids {
		sorted = append(sorted, id)
	}
	slices.Sort(sorted)
	return sorted
}

// String shows an entry of vlanTrunk as it was written.
func (t rawTrunk) String() string {
	var parts []string
	for _, f := range []struct {
		name  string
		value *int
	}{{"minID", t.MinID}, {"maxID", t.MaxID}, {"id", t.ID}} {
		if f.value != nil {
			parts = append(parts, fmt.Sprintf("%q:%d", f.name, *f.value))
		}
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// mac takes the last of CNI_ARGS, args and runtimeConfig that names one.
func (r *rawConfig) mac(args string, m *mistakes) net.HardwareAddr {
	var mac net.HardwareAddr
	for _, source := range []struct{ field, value string }{
		{"CNI_ARGS MAC", argument(args, "MAC")},
		{"args.cni.mac", r.Args.CNI.MAC},
		{"runtimeConfig.mac", r.RuntimeConfig.MAC},
	} {
		if source.value == "" {
			continue
		}
		parsed, err := net.ParseMAC(source.value)
		if err != nil || len(parsed) != 6 || parsed[0]&1 != 0 || parsed.String() == "00:00:00:00:00:00" {
			m.add(source.field, fmt.Sprintf("%q", source.value), "must be a unicast MAC of 6 bytes, such as 02:11:22:33:44:55")
			continue
		}
		mac = parsed
	}
	return mac
}

// argument finds one key of CNI_ARGS. Keys that others understand are none of our business.
func argument(args, key string) string {
	value := ""
	for pair := range strings.SplitSeq(args, ";") {
		if k, v, ok := strings.Cut(pair, "="); ok && k == key {
			value = v
		}
	}
	return value
}

func (r *rawConfig) prevResult(m *mistakes) *current.Result {
	if len(r.PrevResult) == 0 || string(r.PrevResult) == "null" {
		return nil
	}
	prev, err := r.parsePrevResult()
	if err != nil {
		m.add("prevResult", "", err.Error())
		return nil
	}
	return prev
}

func (r *rawConfig) parsePrevResult() (*current.Result, error) {
	v, err := versionOf(r)
	if err != nil {
		return nil, err
	}
	result, err := create.Create(v, r.PrevResult)
	if err != nil {
		return nil, err
	}
	return current.NewResultFromResult(result)
}

// versionOf prefers the version that the result itself carries.
func versionOf(r *rawConfig) (string, error) {
	var own struct {
		CNIVersion string `json:"cniVersion"`
	}
	if err := json.Unmarshal(r.PrevResult, &own); err != nil {
		return "", err
	}
	if own.CNIVersion != "" {
		return own.CNIVersion, nil
	}
	return r.CNIVersion, nil
}

// isLinkName follows the kernel's dev_valid_name, and refuses '%', which makes the kernel choose a number, what has a
// meaning of its own in /proc/sys/net, and what is not to be shown on a terminal.
func isLinkName(name string) bool {
	bad := func(c rune) bool { return c <= ' ' || c > '~' || strings.ContainsRune("/:%", c) }
	reserved := []string{".", "..", "all", "default"}
	return len(name) > 0 && len(name) < 16 && !slices.Contains(reserved, name) && strings.IndexFunc(name, bad) < 0
}

// mistakes collects what is wrong with a configuration.
type mistakes []string

func (m *mistakes) add(field string, value any, why string) {
	*m = append(*m, strings.TrimSpace(fmt.Sprintf("%s %v", field, value))+" "+why)
}

func (m *mistakes) vlan(field string, id int) bool {
	if id < 1 || id > maxVLAN {
		m.add(field, id, fmt.Sprintf("must be 1 to %d", maxVLAN))
		return false
	}
	return true
}

func (m *mistakes) err() error {
	if len(*m) == 0 {
		return nil
	}
	return types.NewError(types.ErrInvalidNetworkConfig, "bridge configuration is not valid", strings.Join(*m, "; "))
}
