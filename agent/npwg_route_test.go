package agent

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	current "github.com/containernetworking/cni/pkg/types/100"
)

// routeClauses are about default routes and the rest of an element, and about attachments as such (sections 4.1.2.1.9 to 4.2).
func routeClauses() []clause {
	return []clause{
		{31, "4.1.2.1.9", "`default-route`, a list of gateways that may be empty, is on one element at most; otherwise the annotation is invalid and ignored",
			differs, stricter + ". `[]` means the gateways of the network's own result", each(proveOneDefaultRoute)},
		{32, "4.1.2.1.9", "The default network has no default route and gateway when another network has the key", conforms,
			"by family: a gateway of one family leaves the default route of the other. Routes in the pod, result and status agree", each(proveDefaultRouteMoves)},
		{33, "4.1.2.1.9", "The order of gateways may become a metric", conforms, "it may, and does not: one gateway of each family at most, so that nobody gets multipath by accident", each(proveOneGatewayAFamily)},
		{34, "4.1.2.1.10", "`infiniband-guid` has 8 bytes; otherwise the annotation is invalid and ignored", differs, stricter, each(proveGUID)},
		{35, "4.1.2.1.10.2", "It is handed over as `infinibandGUID` in `runtimeConfig`, after a check of the capability", conforms, "", each(proveGUIDHandedOver)},
		{36, "4.1.2.1.11", "`ipam-claim-reference` names the IPAMClaim whose addresses the delegate uses", later, "with IPAM claims; until then the reference is checked, and no plugin uses it", nil},
		{37, "4.1.2.1.11", "`ips` and `ipam-claim-reference` in one element are an error", conforms, "", each(proveIPsOrClaim)},
		{38, "4.2", "A network that is named again is another attachment, with a status of its own", conforms, "", each(proveRepeatedNetwork)},
		{39, "4.2.1", "All operations of an attachment have the same container ID, network name and CNI_IFNAME; names that are made up are unique",
			conforms, "also when the network's object has changed or gone since", each(proveSameTuple)},
	}
}

// routed makes networks whose results have gateways, and the pod no default route by itself: both families, each alone, none.
func (p *trial) routed(t *testing.T) {
	t.Helper()
	p.nad(t, "both", p.bridge("brboth", `"isGateway":true`, "10.10.0.0/24", "fd00:10::/64"))
	p.nad(t, "four", p.bridge("brfour", `"isGateway":true`, "10.11.0.0/24"))
	p.nad(t, "six", p.bridge("brsix", `"isGateway":true`, "fd00:12::/64"))
	p.nad(t, "none", `{"cniVersion":"1.1.0","type":"bridge","bridge":"brnone","ipam":{"type":"static","addresses":[{"address":"10.13.0.2/24"}]}}`)
}

// wantDefaults compares the default routes that the kernel has in the pod, and their number by eth0 with that in the result
// that the runtime got.
func (p *trial) wantDefaults(t *testing.T, name, out string, want ...string) {
	t.Helper()
	var kept []string
	for _, line := range p.inPod(t) {
		if strings.HasPrefix(line, "default ") {
			kept = append(kept, line)
		}
	}
	if got := strings.Join(kept, ", "); got != strings.Join(want, ", ") {
		t.Errorf("%s: the pod has %s, want %q", name, got, want)
	}
	var result current.Result
	if err := json.Unmarshal([]byte(out), &result); err != nil {
		t.Fatal(err)
	}
	first := 0
	for _, line := range want {
		if strings.HasPrefix(line, "default eth0 ") {
			first++
		}
	}
	if len(result.Routes) != first {
		t.Errorf("%s: the runtime got routes %v, want %d", name, result.Routes, first)
	}
}

func proveOneDefaultRoute(t *testing.T, p *trial) {
	p.routed(t)
	p.refuses(t, `[{"name":"four","default-route":["10.11.0.1"]},{"name":"six","default-route":["fd00:12::1"]}]`, "default-route is asked for by two elements")
	p.refuses(t, `[{"name":"four","default-route":[]},{"name":"six","default-route":[]}]`, "default-route is asked for by two elements")
	p.annotate(t, `[{"name":"four","default-route":[]}]`, `[{"name":"both","default-route":[]}]`)
	p.fails(t, "one in each annotation", "default-route is asked for by two elements")
	for _, bad := range []string{"10.11.0.1/24", "gateway", "0.0.0.0", ""} {
		p.refuses(t, `[{"name":"four","default-route":["`+bad+`"]}]`, "is not the address of a gateway")
	}
	p.web(t, `[{"name":"none","default-route":[]}]`)
	before := p.state(t, p.netns)
	if out, ok := p.ask(t, "ADD"); ok || !strings.Contains(out, "its result has none") || p.state(t, p.netns) != before {
		t.Errorf("[] without a gateway: %s\n%s", out, p.state(t, p.netns))
	}
	p.del(t)
	p.add(t, `[{"name":"four","default-route":[]},{"name":"six"}]`)
	p.wantKernel(t, "default net1 via 10.11.0.1", defaultV6, "eth0 10.1.0.2/24", "eth0 fd00:1::2/64", "net1 10.11.0.2/24", "net2 fd00:12::2/64")
}

func proveDefaultRouteMoves(t *testing.T, p *trial) {
	p.routed(t)
	for _, tt := range []struct {
		network, gateways string
		want              []string
		status            string // default-route of the network
		gateway           string // gateway of the default network
	}{
		{"both", ``, []string{defaultV4, defaultV6}, ``, `["10.1.0.1","fd00:1::1"]`},
		{"both", `["10.10.0.1"]`, []string{defaultV6, "default net1 via 10.10.0.1"}, `["10.10.0.1"]`, `["fd00:1::1"]`},
		{"both", `["fd00:10::1"]`, []string{defaultV4, "default net1 via fd00:10::1"}, `["fd00:10::1"]`, `["10.1.0.1"]`},
		{"both", `["10.10.0.9","fd00:10::9"]`, []string{"default net1 via 10.10.0.9", "default net1 via fd00:10::9"}, `["10.10.0.9","fd00:10::9"]`, ``},
		{"both", `[]`, []string{"default net1 via 10.10.0.1", "default net1 via fd00:10::1"}, `["10.10.0.1","fd00:10::1"]`, ``},
		{"four", `[]`, []string{defaultV6, "default net1 via 10.11.0.1"}, `["10.11.0.1"]`, `["fd00:1::1"]`},
		{"six", `[]`, []string{defaultV4, "default net1 via fd00:12::1"}, `["fd00:12::1"]`, `["10.1.0.1"]`},
		{"none", `["10.13.0.1"]`, []string{defaultV6, "default net1 via 10.13.0.1"}, `["10.13.0.1"]`, `["fd00:1::1"]`},
	} {
		name, asks := tt.network+" "+tt.gateways, ""
		if tt.gateways != "" {
			asks = `,"default-route":` + tt.gateways
		}
		p.web(t, `[{"name":"`+tt.network+`"`+asks+`}]`)
		p.wantDefaults(t, name, p.must(t, "ADD"), tt.want...)
		p.wantStatus(t, 1, map[string]string{"default-route": tt.status})
		p.wantStatus(t, 0, map[string]string{"default-route": "", "gateway": tt.gateway})
		p.must(t, "CHECK")
		p.del(t)
	}
}

func proveOneGatewayAFamily(t *testing.T, p *trial) {
	p.routed(t)
	p.refuses(t, `[{"name":"both","default-route":["10.10.0.1","10.10.0.2"]}]`, "10.10.0.2 is the second gateway of its family")
	for _, order := range []string{`["10.10.0.1","fd00:10::1"]`, `["fd00:10::1","10.10.0.1"]`} {
		p.add(t, `[{"name":"both","default-route":`+order+`}]`)
		p.wantKernel(t, "default net1 via 10.10.0.1", "default net1 via fd00:10::1", "eth0 10.1.0.2/24", "eth0 fd00:1::2/64", "net1 10.10.0.2/24", "net1 fd00:10::2/64")
		p.del(t)
	}
}

const guid = `"infiniband-guid":"c2:11:22:33:44:55:66:77"`

func proveGUID(t *testing.T, p *trial) {
	p.withDouble(t, []string{"able"}, "infinibandGUID")
	for _, bad := range []string{"c2:11:22:33:44:55", "c2:11:22:33:44:55:66:77:88", "able", ""} {
		p.refuses(t, `[{"name":"able","infiniband-guid":"`+bad+`"}]`, "is not a GUID of 8 bytes")
	}
	p.refuses(t, `[{"name":"able","infiniband-guid":7}]`, "infiniband-guid: want a string")
	p.add(t, `[{"name":"able",`+guid+`}]`)
	p.wantCalls(t, "ADD able net1")
}

func proveGUIDHandedOver(t *testing.T, p *trial) {
	p.withDouble(t, []string{"able"}, "infinibandGUID", "mac")
	p.add(t, `[{"name":"able",`+guid+`}]`)
	p.wantConfig(t, "net1", "runtimeConfig", `{"infinibandGUID":"c2:11:22:33:44:55:66:77"}`)
	p.del(t)
	p.wantCalls(t, "ADD able net1", "DEL able net1")
	p.provesCapability(t, "infinibandGUID", guid)
}

func proveIPsOrClaim(t *testing.T, p *trial) {
	p.nets(t, "neta", "netb")
	p.refuses(t, `[{"name":"neta","ips":["10.10.0.9"],"ipam-claim-reference":"claim"}]`, "ips and ipam-claim-reference cannot be in one element")
	p.add(t, `[{"name":"neta","ips":["10.10.0.9"]},{"name":"netb","ipam-claim-reference":"claim"}]`)
	p.wantNets(t, append(net2(), "net1 10.10.0.9/24", "net1 fd00:10::2/64")...)
}

func proveRepeatedNetwork(t *testing.T, p *trial) {
	p.nets(t, "neta")
	p.add(t, "neta,neta,neta@x0")
	p.wantNets(t, append(net1(), "net2 10.10.0.3/24", "net2 fd00:10::3/64", "x0 10.10.0.4/24", "x0 fd00:10::4/64")...)
	for i, ifname := range []string{"net1", "net2", "x0"} {
		p.wantStatus(t, i+1, map[string]string{"name": `"default/neta"`, "interface": quoted(ifname)})
	}
	if n := len(p.status(t)); n != 4 {
		t.Errorf("the status has %d maps", n)
	}
}

func proveSameTuple(t *testing.T, p *trial) {
	p.withDouble(t, []string{"a", "b"})
	p.add(t, "a,a,b")
	p.nad(t, "a", `{"cniVersion":"1.1.0","name":"another","type":"b"}`)
	if err := os.Remove(filepath.Join(p.dir, "nad-b.json")); err != nil {
		t.Fatal(err)
	}
	p.must(t, "CHECK")
	p.del(t)
	names, times := map[string]string{}, map[string]int{}
	for _, c := range p.calls(t) {
		if c.Container != "c1" || c.Netns != p.netns {
			t.Errorf("%s %s for %s in %s", c.Command, c.IfName, c.Container, c.Netns)
		}
		name, _ := c.Config["name"].(string)
		if before, known := names[c.IfName]; known && before != name || c.Type != name {
			t.Errorf("%s %s is of network %s, was %s", c.Command, c.IfName, name, before)
		}
		names[c.IfName] = name
		times[c.Command+" "+c.IfName]++
	}
	if len(names) != 3 || len(times) != 9 {
		t.Errorf("interfaces %v, calls %v", names, times)
	}
}
