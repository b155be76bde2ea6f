package netattach

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/containernetworking/cni/libcni"
	"github.com/containernetworking/cni/pkg/version"
)

// FuzzParseNetworks: no panic; what comes out of the parser is safe to use and, written as JSON again, means the same.
func FuzzParseNetworks(f *testing.F) {
	for _, seed := range []string{
		"", "a", "a,b/c@if0", " a , ,", `[{"name":"a"}]`, `[{"name":"a","ips":["10.0.0.1/24"],"default-route":[]}]`, `[null]`, `{"name":"a"}`,
		`[{"name":"a","namespace":"b","interface":"if0","ips":["10.0.0.1/24","fd00::1"],"mac":"02:00:00:00:00:01","infiniband-guid":"c2:11:22:33:44:55:66:77",
		"portMappings":[{"hostPort":1,"containerPort":2,"protocol":"UDP","hostIP":"0.0.0.0"}],"bandwidth":{"ingressRate":1,"egressRate":2,"egressBurst":3},
		"cni-args":{"x":[1.5,null]},"default-route":["10.0.0.1","fe80::1"],"deviceID":"0000:03:00.1","example.com/x":1},{"name":"a","ipam-claim-reference":"c"}]`,
		"[{\"name\":\"\\u001b\",\"\\u202e\":1}]",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, annotation string) {
		list, err := ParseNetworks(annotation, "ns")
		for _, s := range list {
			if !isLabel(s.Name) || !isLabel(s.Namespace) || s.InterfaceRequest != "" && badIfName(s.InterfaceRequest) != "" {
				t.Errorf("selection is not safe: %+v", s.NetworkSelectionElement)
			}
		}
		if err != nil {
			checkShowable(t, err)
			return
		}
		checkRoundTrip(t, list)
	})
}

func checkShowable(t *testing.T, err error) {
	t.Helper()
	if text := err.Error(); strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c == 0x7f }) || len(text) > 1<<16 {
		t.Errorf("error is not safe to show: %q", text)
	}
}

func checkRoundTrip(t *testing.T, list []Selection) {
	t.Helper()
	elements := make([]map[string]any, 0, len(list))
	for _, s := range list {
		var element map[string]any
		data, _ := json.Marshal(s.NetworkSelectionElement)
		if err := decode(data, &element); err != nil {
			t.Fatal(err)
		}
		if s.GatewayRequest != nil {
			element["default-route"] = s.GatewayRequest
		}
		if s.DeviceID != "" {
			element["deviceID"] = s.DeviceID
		}
		if b, found := element["bandwidth"].(map[string]any); found {
			for key, rate := range b {
				if rate == json.Number("0") {
					delete(b, key)
				}
			}
		}
		elements = append(elements, element)
	}
	data, _ := json.Marshal(elements)
	again, err := ParseNetworks(string(data), "ns")
	if err != nil {
		t.Fatalf("%s is refused: %v", data, err)
	}
	checkText(t, show(again), show(list))
}

// FuzzNewPlan: no panic, and a plan that comes out can be carried out: libcni reads it, interface names are unique,
// no plugin is a path or a meta plugin, and no field of a NAD leaves the paths that are allowed.
func FuzzNewPlan(f *testing.F) {
	f.Add(`,"clusterNetwork":{"type":"main"}`, "a,b@x", "", bridge, able, "K=V")
	f.Add(`,"prevResult":{}`, `[{"name":"a","default-route":["10.0.0.1"]}]`, "", bridge, "", "")
	f.Add(`,"clusterNetwork":"/n","lenientCapabilities":true`, `[{"name":"a","ips":["10.0.0.1"],"cni-args":{"x":1}}]`, "b", bridge, `{"plugins":[]}`, "IgnoreUnknown=1")
	f.Add(`,"clusterNetwork":"ns/b","defaultNetworks":["ns/a"]`, "", "", `{"type":"x","ipam":{"dataDir":"/etc"}}`, `{"name":"x","plugins":[{"type":"y","Type":"../z"}]}`, "")
	f.Fuzz(func(t *testing.T, config, networks, first, a, b, args string) {
		c, _, err := ParseConfig([]byte(`{"cniVersion":"1.1.0","name":"braid","type":"braid"` + config + `}`))
		if err != nil {
			checkShowable(t, err)
			return
		}
		in := scene{config: main, networks: networks, first: first, nads: map[string]string{"ns/a": a, "ns/b": b}, args: args}.input(t)
		in.Config = c
		for _, p := range References(in).Paths {
			in.Disk[p] = []File{{Path: p + "/1.conflist", Content: []byte(b)}, {Path: p + "/2.conf", Content: []byte(a)}}
		}
		p, err := NewPlan(in)
		if err != nil {
			checkShowable(t, err)
			return
		}
		checkPlan(t, p)
	})
}

func checkPlan(t *testing.T, p *Plan) {
	t.Helper()
	names := map[string]bool{}
	for _, a := range p.Attachments {
		if names[a.IfName] || badIfName(a.IfName) != "" {
			t.Errorf("interface %q is not unique or not valid", a.IfName)
		}
		names[a.IfName] = true
		list, err := libcni.NetworkConfFromBytes(a.Config)
		if err != nil {
			t.Errorf("libcni refuses %s: %v", a.Config, err)
			continue
		}
		if !slices.Contains(version.All.SupportedVersions(), list.CNIVersion) {
			t.Errorf("version %q is accepted", list.CNIVersion)
		}
		if checkCNIName(list.Name) != nil || list.Name != a.CNIName {
			t.Errorf("network has the name %q, and %q in its configuration", a.CNIName, list.Name)
		}
		for _, plugin := range list.Plugins {
			if err := checkPluginType(plugin.Network.Type); err != nil {
				t.Errorf("plugin is accepted: %v", err)
			}
			if ipam := plugin.Network.IPAM.Type; ipam != "" && checkPluginType(ipam) != nil {
				t.Errorf("ipam %q is accepted", ipam)
			}
		}
	}
}
