package hostlocal

import (
	"encoding/json"
	"fmt"
	"net/netip"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/braid-cni/braid/ipam"
)

// rawIPAM is the "ipam" object. The range that stands in it directly is the old form of one range.
type rawIPAM struct {
	Type       string `json:"type"`
	Subnet     string `json:"subnet"`
	RangeStart string `json:"rangeStart"`
	RangeEnd   string `json:"rangeEnd"`
	Gateway    string `json:"gateway"`
	// Name is taken and not used, as by the reference.
	Name       *string             `json:"name"`
	Ranges     [][]json.RawMessage `json:"ranges"`
	Routes     []json.RawMessage   `json:"routes"`
	DataDir    string              `json:"dataDir"`
	ResolvConf string              `json:"resolvConf"`
}

// rawRange is one range. An empty string counts as absent.
type rawRange struct {
	Subnet     string `json:"subnet"`
	RangeStart string `json:"rangeStart"`
	RangeEnd   string `json:"rangeEnd"`
	Gateway    string `json:"gateway"`
}

// config is a configuration that ADD can carry out.
type config struct {
	place
	cniVersion string
	// sets holds the range sets; an attachment gets one address of each.
	sets []set
	// wanted holds, for each set, the address asked for, or the zero Addr for any.
	wanted []netip.Addr
	routes []*types.Route
	// resolvConf is an absolute path, or empty.
	resolvConf string
	prevResult json.RawMessage
}

// parse is the function of that name, which is called once for the same configuration as long as CNI_ARGS ask for no address.
func (d *Driver) parse(data []byte, args string) (*config, error) {
	if ipam.ParseArgs(args)["IP"] != "" {
		return parse(data, args)
	}
	return d.configs.Of(data, func() (*config, error) { return parse(data, "") })
}

// parse reads a whole configuration and the CNI_ARGS of the call. Its error names every mistake at once.
func parse(data []byte, args string) (*config, error) {
	var m ipam.Mistakes
	var i rawIPAM
	n, err := m.Net(data, &i)
	if err != nil {
		return nil, err
	}
	c := &config{place: parsePlace(&m, n.Name, i.DataDir), prevResult: n.PrevResult, cniVersion: n.CNIVersion}
	c.resolvConf = cleanPath(&m, "ipam.resolvConf", i.ResolvConf)
	c.routes = m.Routes("ipam.routes", i.Routes)
	c.sets = parseSets(&m, n, &i)
	if m.Len() == 0 {
		c.checkSets(&m)
	}
	asked := parseRequested(&m, n, ipam.ParseArgs(args))
	if m.Len() == 0 {
		c.assign(&m, asked)
	}
	if err := m.Err(fmt.Sprintf("read the host-local configuration of network %q", n.Name)); err != nil {
		return nil, err
	}
	return c, nil
}

// parseSets puts the range sets in the reference's order, which the numbers in last_reserved_ip.<set> hang on:
// runtimeConfig.ipRanges, the old form, then ipam.ranges.
func parseSets(m *ipam.Mistakes, n *ipam.RawNet, i *rawIPAM) []set {
	var runtime [][]json.RawMessage
	if len(n.RuntimeConfig.IPRanges) > 0 {
		m.DecodeKnown("runtimeConfig.ipRanges", n.RuntimeConfig.IPRanges, &runtime)
	}
	sets := parseSetList(m, "runtimeConfig.ipRanges", runtime)
	old := rawRange{i.Subnet, i.RangeStart, i.RangeEnd, i.Gateway}
	switch {
	case old.Subnet != "":
		sets = append(sets, set{parseRange(m, "ipam", old)})
	case old != rawRange{}:
		m.Add("ipam.subnet", "", `is missing beside rangeStart, rangeEnd or gateway: write it, or move them into "ranges"`)
	}
	sets = append(sets, parseSetList(m, "ipam.ranges", i.Ranges)...)
	if len(sets) == 0 {
		m.Add("ipam.ranges", "", `gives no range: write "subnet", or "ranges" with at least one set`)
	}
	return sets
}

// parseSetList reads a list of sets that stands at field.
func parseSetList(m *ipam.Mistakes, field string, raw [][]json.RawMessage) []set {
	var sets []set
	for i, ranges := range raw {
		at := fmt.Sprintf("%s[%d]", field, i)
		if len(ranges) == 0 {
			m.Add(at, "[]", "is an empty range set: write a range into it or remove it")
		}
		var s set
		for j, data := range ranges {
			var r rawRange
			at := fmt.Sprintf("%s[%d]", at, j)
			m.Decode(at, data, &r)
			s = append(s, parseRange(m, at, r))
		}
		sets = append(sets, s)
	}
	return sets
}

// checkSets finds what is wrong between ranges that are each right.
func (c *config) checkSets(m *ipam.Mistakes) {
	var firsts []netip.Addr
	for i, s := range c.sets {
		firsts = append(firsts, s[0].first)
		s.checkInside(m, fmt.Sprintf("range set %d", i))
		for j := range i {
			if a, b, ok := overlap(c.sets[j], s); ok {
				m.Add(fmt.Sprintf("range set %d", i), b, fmt.Sprintf("overlaps %s of range set %d: give each set its own addresses", a, j))
			}
		}
	}
	m.Families(c.cniVersion, firsts)
}
