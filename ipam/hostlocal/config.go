package hostlocal

import (
	"encoding/json"
	"fmt"
	"net/netip"

	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/version"

	"github.com/braid-cni/braid/ipam"
)

// rawNet is the part of a network configuration that host-local reads, exactly as it is written.
type rawNet struct {
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
		IPs      []string            `json:"ips"`
		IPRanges [][]json.RawMessage `json:"ipRanges"`
	} `json:"runtimeConfig"`
}

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

// parse reads a whole configuration and the CNI_ARGS of the call. Its error names every mistake at once.
func parse(data []byte, args string) (*config, error) {
	var n rawNet
	if err := decodable(data); err != nil {
		return nil, err
	}
	var m ipam.Mistakes
	m.DecodeKnown("", data, &n)
	var i rawIPAM
	if len(n.IPAM) == 0 {
		m.Add("ipam", "", "is missing: write an object with a range")
	} else {
		m.Decode("ipam", n.IPAM, &i)
	}
	c := &config{place: parsePlace(&m, n.Name, i.DataDir), cniVersion: n.CNIVersion, prevResult: n.PrevResult}
	c.resolvConf = cleanPath(&m, "ipam.resolvConf", i.ResolvConf)
	c.routes = m.Routes("ipam.routes", i.Routes)
	c.sets = parseSets(&m, &n, &i)
	if m.Len() == 0 {
		c.checkSets(&m)
	}
	asked := parseRequested(&m, &n, ipam.ParseArgs(args))
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
func parseSets(m *ipam.Mistakes, n *rawNet, i *rawIPAM) []set {
	sets := parseSetList(m, "runtimeConfig.ipRanges", n.RuntimeConfig.IPRanges)
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
	families := map[bool]int{}
	for i, s := range c.sets {
		families[s[0].first.Is4()]++
		s.checkInside(m, fmt.Sprintf("range set %d", i))
		for j := range i {
			if a, b, ok := overlap(c.sets[j], s); ok {
				m.Add(fmt.Sprintf("range set %d", i), b, fmt.Sprintf("overlaps %s of range set %d: give each set its own addresses", a, j))
			}
		}
	}
	if families[true] > 1 || families[false] > 1 {
		if ok, _ := version.GreaterThanOrEqualTo(c.cniVersion, "0.3.0"); !ok {
			m.Add("cniVersion", c.cniVersion, "allows one address of a family: write \"0.3.0\" or higher, or one range set of a family")
		}
	}
}
