package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// statusClauses are about the annotation that says what a pod got (section 5).
func statusClauses() []clause {
	return []clause{
		{40, "5", "The status may be published as the annotation `k8s.v1.cni.cncf.io/network-status`, a JSON list of maps", conforms, "by a patch of `pods/status`, after ADD was answered unless `statusPublish` is `sync`", each(proveAnnotation)},
		{41, "5.1", "It has what the results of the attachments have", conforms, "", each(proveStatusOfResult)},
		{42, "5.1.1", "It is of the first interface in a sandbox; without a result there should be a minimal map", conforms, "", each(proveFirstInSandbox)},
		{43, "5.1.1", "As much of the result as possible should be used", conforms, "", each(proveWholeResult)},
		{44, "5.2", "The default network has an entry, with `default` true", conforms, "", each(proveDefaultEntry)},
		{45, "5.3", "Keys that are not the standard's have reverse-DNS names", differs, "Multus's `gateway` and `mtu` are written too, since readers of Multus's status expect them; no other", each(proveStatusKeys)},
		{46, "5.3.1", "`name` is required, and should be `namespace/name`", conforms, "a default network that comes from no object has the name of its CNI configuration", each(proveStatusName)},
		{47, "5.3.2.1", "`interface` should be the first one with a `sandbox`", conforms, "", each(proveFirstInSandbox)},
		{48, "5.3.3.1", "`ips` should be those of that interface, or without interfaces in a sandbox those of no interface; never the host's", conforms, "without prefix length, as all readers expect", each(proveStatusIPs)},
		{49, "5.3.4", "`mac` is there only with `interface`", conforms, "", each(proveMACWithInterface)},
		{50, "5.3.5", "`default` is required, and true once at most", conforms, "", each(proveOneDefault)},
		{51, "5.3.6", "`dns` has `nameservers`, `domain` and `search`", conforms, "and `options`, where the result has them", each(proveDNS)},
		{52, "5.3.6.4", "`default-route` holds the gateways that were asked for", conforms, "for `[]`, those of the result", each(proveStatusDefaultRoute)},
		{53, "5.3.7", "`device-info` follows the Device Information Specification", conforms, "", each(proveStatusDevice)},
	}
}

// proveAnnotation reads what the publisher sends to an API server.
func proveAnnotation(t *testing.T, p *trial) {
	p.nets(t, "neta")
	p.add(t, "neta")
	var sent []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		sent = append(sent, r.Method+" "+r.URL.Path+" "+string(body))
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"kind":"Pod","apiVersion":"v1"}`)
	}))
	defer server.Close()
	publisher := NewPublisher(p.Store, kubeAt(t, server.URL), slog.New(slog.DiscardHandler))
	if err := publisher.publish(context.Background(), "c1/eth0"); err != nil {
		t.Fatal(err)
	}
	if len(sent) != 1 {
		t.Fatalf("sent %q", sent)
	}
	body, isPatch := strings.CutPrefix(sent[0], "PATCH /api/v1/namespaces/default/pods/web/status ")
	var patch struct {
		Metadata struct{ Annotations map[string]string }
	}
	if err := json.Unmarshal([]byte(body), &patch); !isPatch || err != nil {
		t.Fatalf("sent %q", sent)
	}
	var list []map[string]any
	if err := json.Unmarshal([]byte(patch.Metadata.Annotations["k8s.v1.cni.cncf.io/network-status"]), &list); err != nil || len(list) != 2 {
		t.Errorf("%v: the annotations are %v", err, patch.Metadata.Annotations)
	}
}

// rich is a result with host sides, two interfaces in the sandbox, both families, routes and DNS.
const rich = `{"cniVersion":"1.1.0","interfaces":[{"name":"br0","mac":"02:00:00:00:00:0b"},{"name":"veth1","mac":"02:00:00:00:00:0c"},
	{"name":"x0","mac":"02:00:00:00:00:01","mtu":1450,"sandbox":"/s"},{"name":"x1","mac":"02:00:00:00:00:02","sandbox":"/s"}],
	"ips":[{"address":"10.0.0.254/24","interface":0},{"address":"10.0.0.5/24","gateway":"10.0.0.1","interface":2},
		{"address":"fd00::5/64","gateway":"fd00::1","interface":2},{"address":"10.9.0.5/24","interface":3}],
	"routes":[{"dst":"0.0.0.0/0","gw":"10.0.0.1"},{"dst":"::/0","gw":"fd00::1"}],
	"dns":{"nameservers":["10.0.0.53","fd00::53"],"domain":"example.org","search":["a.example.org","b.example.org"]}}`

// attached attaches one double for each result, as net1, net2...
func (p *trial) attached(t *testing.T, results ...string) {
	t.Helper()
	var names []string
	for i, result := range results {
		name := fmt.Sprintf("d%d", i+1)
		p.withDouble(t, []string{name})
		p.answer(t, name+".ADD", result)
		names = append(names, name)
	}
	p.add(t, strings.Join(names, ","))
}

func proveStatusOfResult(t *testing.T, p *trial) {
	p.nets(t, "neta")
	p.attached(t, rich)
	p.wantStatus(t, 1, map[string]string{"interface": `"x0"`, "mac": `"02:00:00:00:00:01"`, "ips": `["10.0.0.5","fd00::5"]`})
	p.del(t)
	p.add(t, "neta")
	p.wantNets(t, net1()...)
	p.wantStatus(t, 1, map[string]string{"interface": `"net1"`, "ips": `["10.10.0.2","fd00:10::2"]`})
	p.wantMAC(t, "net1", p.status(t)[1]["mac"].(string))
}

func proveFirstInSandbox(t *testing.T, p *trial) {
	p.attached(t, rich, `{"cniVersion":"1.1.0"}`, `{"cniVersion":"1.1.0","interfaces":[{"name":"br0","mac":"02:00:00:00:00:0b"}]}`)
	p.wantStatus(t, 1, map[string]string{"interface": `"x0"`})
	for i := 2; i <= 3; i++ {
		p.wantStatus(t, i, map[string]string{"name": fmt.Sprintf(`"default/d%d"`, i), "default": "false", "interface": "", "ips": "", "mac": ""})
	}
}

func proveWholeResult(t *testing.T, p *trial) {
	p.attached(t, rich, `{"cniVersion":"0.2.0","ip4":{"ip":"10.0.0.6/24"},"ip6":{"ip":"fd00::6/64"},"dns":{"domain":"old"}}`)
	p.wantStatus(t, 1, map[string]string{
		"interface": `"x0"`, "mac": `"02:00:00:00:00:01"`, "mtu": "1450", "ips": `["10.0.0.5","fd00::5"]`, "gateway": `["10.0.0.1","fd00::1"]`,
		"dns": `{"domain":"example.org","nameservers":["10.0.0.53","fd00::53"],"search":["a.example.org","b.example.org"]}`,
	})
	p.wantStatus(t, 2, map[string]string{"ips": `["10.0.0.6","fd00::6"]`, "dns": `{"domain":"old"}`})
}

func proveDefaultEntry(t *testing.T, p *trial) {
	for _, networks := range []string{"", "d1"} {
		p.withDouble(t, []string{"d1"})
		p.add(t, networks)
		p.wantStatus(t, 0, map[string]string{"name": `"braid"`, "interface": `"eth0"`, "default": "true", "ips": `["10.1.0.2","fd00:1::2"]`})
		p.del(t)
	}
}

func proveStatusKeys(t *testing.T, p *trial) {
	p.attached(t, rich)
	known := []string{"name", "interface", "ips", "mac", "default", "dns", "default-route", "device-info", "gateway", "mtu"}
	for i, entry := range p.status(t) {
		for key := range entry {
			if !slices.Contains(known, key) && !strings.Contains(key, ".") {
				t.Errorf("status %d has the key %q", i, key)
			}
		}
	}
	p.wantStatus(t, 1, map[string]string{"gateway": `["10.0.0.1","fd00::1"]`, "mtu": "1450"})
}

func proveStatusName(t *testing.T, p *trial) {
	p.nadOf(t, "other", "far", "{config: '"+p.bridge("bro0", "", "10.11.0.0/24")+"'}")
	p.nadOf(t, "net", "main", "{config: '"+p.bridge("brm0", "", "10.12.0.0/24")+"'}")
	p.config["globalNamespaces"] = []string{"other"}
	p.add(t, "other/far")
	p.wantStatus(t, 0, map[string]string{"name": `"braid"`})
	p.wantStatus(t, 1, map[string]string{"name": `"other/far"`})
	p.del(t)
	p.config["clusterNetwork"] = "net/main"
	p.add(t, "")
	p.wantStatus(t, 0, map[string]string{"name": `"net/main"`})
}

func proveStatusIPs(t *testing.T, p *trial) {
	const mixed = `"ips":[{"address":"10.0.0.254/24","interface":0},{"address":"10.0.0.7/24"}]}`
	p.attached(t, rich,
		`{"cniVersion":"1.1.0","interfaces":[{"name":"br0"}],`+mixed,
		`{"cniVersion":"1.1.0","ips":[{"address":"10.0.0.7/24"},{"address":"fd00::7/64"}]}`,
		`{"cniVersion":"1.1.0","interfaces":[{"name":"br0"},{"name":"x0","sandbox":"/s"}],"ips":[{"address":"10.0.0.254/24","interface":0}]}`)
	for i, want := range []string{`["10.0.0.5","fd00::5"]`, `["10.0.0.7"]`, `["10.0.0.7","fd00::7"]`, ""} {
		p.wantStatus(t, i+1, map[string]string{"ips": want})
	}
}

func proveMACWithInterface(t *testing.T, p *trial) {
	p.attached(t, rich, `{"cniVersion":"1.1.0","interfaces":[{"name":"br0","mac":"02:00:00:00:00:0b"}]}`,
		`{"cniVersion":"1.1.0","interfaces":[{"name":"br0","mac":"02:00:00:00:00:0b"},{"name":"x0","sandbox":"/s"}]}`)
	p.wantStatus(t, 1, map[string]string{"interface": `"x0"`, "mac": `"02:00:00:00:00:01"`})
	p.wantStatus(t, 2, map[string]string{"interface": "", "mac": ""})
	p.wantStatus(t, 3, map[string]string{"interface": `"x0"`, "mac": ""})
}

func proveOneDefault(t *testing.T, p *trial) {
	p.nets(t, "neta", "netb")
	p.config["defaultNetworks"] = []string{"default/netb"}
	p.annotate(t, "neta,netb", "netb")
	p.must(t, "ADD")
	for i, want := range []string{"true", "false", "false", "false"} {
		p.wantStatus(t, i, map[string]string{"default": want})
	}
}

func proveDNS(t *testing.T, p *trial) {
	p.attached(t, rich, strings.Replace(rich, `"dns":{`, `"dns":{"options":["ndots:5"],`, 1))
	const three = `"domain":"example.org","nameservers":["10.0.0.53","fd00::53"]`
	const search = `,"search":["a.example.org","b.example.org"]}`
	p.wantStatus(t, 1, map[string]string{"dns": "{" + three + search})
	p.wantStatus(t, 2, map[string]string{"dns": "{" + three + `,"options":["ndots:5"]` + search})
}

func proveStatusDefaultRoute(t *testing.T, p *trial) {
	p.routed(t)
	for asks, want := range map[string]string{
		``: "", `,"default-route":["10.10.0.9"]`: `["10.10.0.9"]`, `,"default-route":["fd00:10::9","10.10.0.9"]`: `["fd00:10::9","10.10.0.9"]`,
		`,"default-route":[]`: `["10.10.0.1","fd00:10::1"]`,
	} {
		p.add(t, `[{"name":"both"`+asks+`},{"name":"four"}]`)
		for i, text := range []string{"", want, ""} {
			p.wantStatus(t, i, map[string]string{"default-route": text})
		}
		p.del(t)
	}
}

func proveStatusDevice(t *testing.T, p *trial) {
	p.withDevices(t)
	p.add(t, "vf")
	p.wantStatus(t, 0, map[string]string{"device-info": ""})
	p.wantStatus(t, 1, map[string]string{"device-info": `{"pci":{"pci-address":"0000:03:00.1"},"type":"pci","version":"1.1.0"}`})
}
