package netattach

import (
	"encoding/json"
	"net/netip"
	"testing"

	current "github.com/containernetworking/cni/pkg/types/100"
	netv1 "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
)

func result(t *testing.T, text string) *current.Result {
	t.Helper()
	if text == "" {
		return nil
	}
	var r current.Result
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatalf("parse result: %v", err)
	}
	return &r
}

const bridgeResult = `{"cniVersion":"1.1.0","interfaces":[
	{"name":"br0","mac":"02:00:00:00:00:0b"},{"name":"veth1","mac":"02:00:00:00:00:0c"},
	{"name":"net1","mac":"02:00:00:00:00:01","mtu":1450,"sandbox":"/run/netns/x"},{"name":"net1.5","sandbox":"/run/netns/x"}],
	"ips":[{"address":"10.0.0.5/24","gateway":"10.0.0.1","interface":2},{"address":"10.0.0.254/24","interface":0},
		{"address":"fd00::5/64","gateway":"fd00::1"},{"address":"10.9.0.5/24","interface":3}],
	"routes":[{"dst":"0.0.0.0/0","gw":"10.0.0.1"},{"dst":"::/0","gw":"fd00::1"},{"dst":"10.8.0.0/16","gw":"10.0.0.2"},{"dst":"0.0.0.0/0"}],
	"dns":{"nameservers":["10.0.0.53"],"domain":"d","search":["s"],"options":["ndots:5"]}}`

func TestStatus(t *testing.T) {
	gateways := func(list ...string) (all []netip.Addr) {
		for _, g := range list {
			all = append(all, netip.MustParseAddr(g))
		}
		return all
	}
	for _, test := range []struct {
		name       string
		attachment Attachment
		result     string
		device     *netv1.DeviceInfo
		want       string
	}{
		{name: "clauses 41, 43, 46, 47, 48, 49, 51: first sandbox interface, its addresses, no host side's", attachment: Attachment{Network: "ns/a"}, result: bridgeResult,
			want: `[{"name":"ns/a","interface":"net1","ips":["10.0.0.5","fd00::5"],"mac":"02:00:00:00:00:01","mtu":1450,"dns":{"nameservers":["10.0.0.53"],"domain":"d","search":["s"],"options":["ndots:5"]},"gateway":["10.0.0.1","fd00::1"],"default":false}]`},
		{name: "clauses 44, 50: default", attachment: Attachment{Network: "braid", Default: true}, result: `{"interfaces":[{"name":"eth0","sandbox":"x"}]}`,
			want: `[{"name":"braid","interface":"eth0","dns":{},"default":true}]`},
		{name: "clause 42: no result", attachment: Attachment{Network: "ns/a"}, want: `[{"name":"ns/a","dns":{},"default":false}]`},
		{name: "clauses 42, 48: no sandbox interface, an address of none", attachment: Attachment{Network: "ns/a"}, result: `{"interfaces":[{"name":"br0","mac":"02:00:00:00:00:01"}],"ips":[{"address":"10.0.0.1/24","interface":0},{"address":"10.0.0.2/24"}],"routes":[{"dst":"0.0.0.0/0","gw":"10.0.0.1"}]}`,
			want: `[{"name":"ns/a","ips":["10.0.0.2"],"dns":{},"default":false}]`},
		{name: "clause 43: a result older than interfaces", attachment: Attachment{Network: "ns/a"}, result: `{"ips":[{"address":"10.0.0.5/24"}],"routes":[{"dst":"0.0.0.0/0","gw":"10.0.0.1"}]}`,
			want: `[{"name":"ns/a","ips":["10.0.0.5"],"dns":{},"gateway":["10.0.0.1"],"default":false}]`},
		{name: "a default route without a gateway goes by that of the address", attachment: Attachment{Network: "ns/a"},
			result: `{"interfaces":[{"name":"net1","sandbox":"x"}],"ips":[{"address":"10.0.0.5/24","gateway":"10.0.0.1"},{"address":"fd00::5/64","gateway":"fd00::1"}],
				"routes":[{"dst":"0.0.0.0/0"},{"dst":"::/0"},{"dst":"10.1.0.0/16"}]}`,
			want: `[{"name":"ns/a","interface":"net1","ips":["10.0.0.5","fd00::5"],"dns":{},"gateway":["10.0.0.1","fd00::1"],"default":false}]`},
		{name: "a default route of a family without a gateway has none", attachment: Attachment{Network: "ns/a"},
			result: `{"interfaces":[{"name":"net1","sandbox":"x"}],"ips":[{"address":"10.0.0.5/24"},{"address":"fd00::5/64","gateway":"fd00::1"}],"routes":[{"dst":"0.0.0.0/0"}]}`,
			want:   `[{"name":"ns/a","interface":"net1","ips":["10.0.0.5","fd00::5"],"dns":{},"default":false}]`},
		{name: "clause 52: default-route as requested", attachment: Attachment{Network: "ns/a", Routes: Routes{Gateways: gateways("10.0.0.9"), DropV4: true}}, result: bridgeResult,
			want: `[{"name":"ns/a","interface":"net1","ips":["10.0.0.5","fd00::5"],"mac":"02:00:00:00:00:01","mtu":1450,"dns":{"nameservers":["10.0.0.53"],"domain":"d","search":["s"],"options":["ndots:5"]},"gateway":["10.0.0.9","fd00::1"],"default":false,"default-route":["10.0.0.9"]}]`},
		{name: "clause 52: default-route of its own gateways", attachment: Attachment{Network: "ns/a", Routes: Routes{OwnGateways: true}},
			result: `{"interfaces":[{"name":"net1","sandbox":"x"}],"ips":[{"address":"10.0.0.5/24","gateway":"10.0.0.1"}]}`,
			want:   `[{"name":"ns/a","interface":"net1","ips":["10.0.0.5"],"dns":{},"default":false,"default-route":["10.0.0.1"]}]`},
		{name: "clause 32: a network that lost its default route shows no gateway", attachment: Attachment{Network: "braid", Default: true, Routes: Routes{DropV4: true}},
			result: `{"interfaces":[{"name":"eth0","sandbox":"x"}],"routes":[{"dst":"0.0.0.0/0","gw":"10.0.0.1"},{"dst":"::/0","gw":"fd00::1"}]}`,
			want:   `[{"name":"braid","interface":"eth0","dns":{},"gateway":["fd00::1"],"default":true}]`},
		{name: "clause 53: device-info", attachment: Attachment{Network: "ns/a"}, device: &netv1.DeviceInfo{Type: "pci", Version: "1.1.0", Pci: &netv1.PciDevice{PciAddress: "0000:03:00.1"}},
			want: `[{"name":"ns/a","dns":{},"device-info":{"type":"pci","version":"1.1.0","pci":{"pci-address":"0000:03:00.1"}},"default":false}]`},
	} {
		t.Run(test.name, func(t *testing.T) {
			data, err := Status([]Attached{{Attachment: test.attachment, Result: result(t, test.result), DeviceInfo: test.device}})
			checkMistakes(t, err, nil)
			checkText(t, string(data), test.want)
			if !json.Valid(data) {
				t.Error("is no JSON")
			}
		})
	}
}

func TestStatusList(t *testing.T) {
	for _, test := range []struct {
		name string
		in   []Attached
		want string
	}{
		{name: "clause 40: a list of no map", want: `[]`},
		{name: "clause 38: a map for each", in: []Attached{{Attachment: Attachment{Network: "a", Default: true}}, {Attachment: Attachment{Network: "b"}}, {Attachment: Attachment{Network: "b"}}},
			want: `[{"name":"a","dns":{},"default":true},{"name":"b","dns":{},"default":false},{"name":"b","dns":{},"default":false}]`},
	} {
		t.Run(test.name, func(t *testing.T) {
			data, err := Status(test.in)
			checkMistakes(t, err, nil)
			checkText(t, string(data), test.want)
		})
	}
}

func TestSettle(t *testing.T) {
	own := OwnGateways(result(t, bridgeResult))
	for _, test := range []struct {
		name string
		in   Routes
		own  []netip.Addr
		want string
	}{
		{name: "clause 31: the owner", in: Routes{OwnGateways: true}, own: own, want: "via=10.0.0.1 via=fd00::1 drop4 drop6"},
		{name: "clause 32: another", in: Routes{DropOwner: true}, own: own, want: "drop4 drop6"},
		{name: "clause 32: another, one family", in: Routes{DropOwner: true}, own: own[1:], want: "drop6"},
		{name: "of no one's", in: Routes{Gateways: own[:1], DropV4: true}, own: own, want: "via=10.0.0.1 drop4"},
		{name: "untouched", own: own, want: ""},
	} {
		t.Run(test.name, func(t *testing.T) { checkText(t, showRoutes(test.in.Settle(test.own)), test.want) })
	}
}
