package netattach

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// show writes selections as JSON lines, in the client type's order of keys.
func show(list []Selection) string {
	var b strings.Builder
	for _, s := range list {
		data, _ := json.Marshal(s.NetworkSelectionElement)
		fmt.Fprintf(&b, "%s", data)
		if s.DeviceID != "" {
			fmt.Fprintf(&b, " deviceID=%s", s.DeviceID)
		}
		if s.GatewayRequest != nil && len(s.GatewayRequest) == 0 {
			b.WriteString(" default-route=[]")
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func TestParseNetworks(t *testing.T) {
	const a = `{"name":"a","namespace":"ns"}`
	for _, test := range []struct {
		name, in, want string
		mistakes       []string
	}{
		{name: "empty"},
		{name: "blank", in: " \n"},
		{name: "empty list", in: "[]"},

		{name: "clause 9: comma form", in: "a,b", want: a + "\n" + `{"name":"b","namespace":"ns"}`},
		{name: "clause 9: JSON form", in: `[{"name":"a"}]`, want: a},
		{name: "clause 9: one object is no list", in: `{"name":"a"}`, mistakes: []string{"want a list, have"}},
		{name: "clause 9: broken JSON", in: `[{"name":"a"`, mistakes: []string{"broken JSON: unexpected end of JSON input at byte 12"}},
		{name: "clause 9: something after the list", in: `[] x`, mistakes: []string{"broken JSON"}},
		{name: "clause 9: elements that are no objects", in: `[1,null,"a"]`, mistakes: []string{
			`element 1: want an object, have "1"`, `element 2: want an object, have "null"`, `element 3: want an object`}},

		{name: "clause 10: spaces, namespace and interface", in: " other/a@if0 ,\ta ",
			want: `{"name":"a","namespace":"other","interface":"if0"}` + "\n" + a},
		{name: "clause 10: empty elements", in: "a,,", want: a, mistakes: []string{
			`element 2 (""): name: "" is not a DNS-1123 label`, `element 3 (""): name: ""`}},
		{name: "clause 10: two slashes", in: "x/y/z", mistakes: []string{`name: "y/z" is not`}},
		{name: "clause 10: empty namespace", in: "/a", mistakes: []string{`namespace: "" is not`}},
		{name: "clause 10: empty interface", in: "a@", want: a, mistakes: []string{`interface: "" cannot be an interface name: it is empty`}},
		{name: "clause 10: interface twice", in: "a@b@c", want: `{"name":"a","namespace":"ns","interface":"b@c"}`},

		{name: "clause 11: key without dot", in: `[{"name":"a","color":"red"}]`, want: a, mistakes: []string{
			`element 1: unknown key "color": remove it`}},
		{name: "clause 11: misspelt key", in: `[{"name":"a","MAC":"02:00:00:00:00:01"}]`, want: a, mistakes: []string{`did you mean "mac"?`}},
		{name: "clause 11: reverse-DNS key", in: `[{"name":"a","example.com/color":"red"}]`, want: a},
		{name: "clause 11: Multus's keys", in: `[{"name":"a","interfaceRequest":"if0","deviceID":"0000:03:00.1"}]`,
			want: `{"name":"a","namespace":"ns","interface":"if0"} deviceID=0000:03:00.1`},
		{name: "interfaceRequest beside interface", in: `[{"name":"a","interface":"if0","interfaceRequest":"if1"}]`,
			want: `{"name":"a","namespace":"ns","interface":"if0"}`, mistakes: []string{`interface "if0" and interfaceRequest "if1" differ`}},
		{name: "key twice", in: `[{"name":"a","name":"b"}]`, want: `{"name":"b","namespace":"ns"}`, mistakes: []string{`key "name" is written twice`}},
		{name: "null is absent", in: `[{"name":"a","ips":null,"mac":null,"default-route":null,"bandwidth":null}]`, want: a},

		{name: "clause 12: no name", in: `[{"namespace":"ns"}]`, mistakes: []string{"has no name"}},
		{name: "clause 12: name is a number", in: `[{"name":1}]`, mistakes: []string{`name: want a string, have "1"`}},
		{name: "clause 5: name is no label", in: `[{"name":"A.b"}]`, mistakes: []string{`name: "A.b" is not a DNS-1123 label`}},
		{name: "clause 5: longer than a label", in: strings.Repeat("a", 64), mistakes: []string{"is not a DNS-1123 label"}},
		{name: "clause 13: empty namespace", in: `[{"name":"a","namespace":""}]`, want: a},
		{name: "clause 13: namespace", in: `[{"name":"a","namespace":"b"}]`, want: `{"name":"a","namespace":"b"}`},

		{name: "clause 14: ips", in: `[{"name":"a","ips":["10.0.0.1/24","2001:db8::1"]}]`,
			want: `{"name":"a","namespace":"ns","ips":["10.0.0.1/24","2001:db8::1"]}`},
		{name: "clause 14: no ips", in: `[{"name":"a","ips":[]}]`, want: a, mistakes: []string{"ips: is empty"}},
		{name: "clause 14: ips is a string", in: `[{"name":"a","ips":"10.0.0.1"}]`, want: a, mistakes: []string{`ips: want a list, have`}},
		{name: "clause 14: every bad address", in: `[{"name":"a","ips":["10.0.0.300","10.0.0.1/33","fe80::1%eth0","0.0.0.0","224.0.0.1","::ffff:1.2.3.4",7,"10.0.0.1"]}]`,
			want: `{"name":"a","namespace":"ns","ips":["10.0.0.1"]}`, mistakes: []string{
				`ips: 1: "10.0.0.300" is not an IPv4`, `"10.0.0.1/33"`, "leave out the zone", "no interface can have it",
				`"224.0.0.1"`, "write it as 1.2.3.4", `want a string, have "7"`}},
		{name: "clause 14: address twice", in: `[{"name":"a","ips":["2001:db8::1","2001:DB8:0::1/64"]}]`,
			want: `{"name":"a","namespace":"ns","ips":["2001:db8::1","2001:DB8:0::1/64"]}`, mistakes: []string{"2001:db8::1 is listed twice"}},

		{name: "clause 18: mac", in: `[{"name":"a","mac":"02-00-00-00-00-AB"}]`, want: `{"name":"a","namespace":"ns","mac":"02:00:00:00:00:ab"}`},
		{name: "clause 18: 8 bytes", in: `[{"name":"a","mac":"02:00:00:00:00:00:00:01"}]`, want: a, mistakes: []string{"is not a MAC address of 6 bytes"}},
		{name: "clause 18: group address", in: `[{"name":"a","mac":"01:00:5e:00:00:01"}]`, want: a, mistakes: []string{"group address"}},
		{name: "clause 18: empty", in: `[{"name":"a","mac":""}]`, want: a, mistakes: []string{`mac: "" is not a MAC`}},

		{name: "clause 20: 15 bytes", in: `[{"name":"a","interface":"abcdefghijklmno"}]`, want: `{"name":"a","namespace":"ns","interface":"abcdefghijklmno"}`},
		{name: "clause 20: bad names", in: `a@abcdefghijklmnop,a@lo,a@.,a@..,a@all,a@default,a@x:y,a@x y,a@x/y,a@x%d,a@èth0`,
			want: strings.Repeat(a+"\n", 11), mistakes: []string{
				"longer than 15", "is reserved", "is reserved", "is reserved", "is reserved", "is reserved",
				"contains one of", "contains one of", "contains one of", "contains one of", "no printable ASCII"}},
		{name: "clause 20: eth0 is the default network's", in: "a@eth0", want: a, mistakes: []string{`"eth0" is the default network's`}},
		{name: "clause 21: one name for two", in: "a@if0,b@if0", want: `{"name":"a","namespace":"ns","interface":"if0"}
{"name":"b","namespace":"ns","interface":"if0"}`, mistakes: []string{`element 2 ("b@if0"): interface "if0" is asked for by two elements`}},

		{name: "clause 23: cni-args keep numbers", in: `[{"name":"a","cni-args":{"n":12345678901234567890,"x":null}}]`,
			want: `{"name":"a","namespace":"ns","cni-args":{"n":12345678901234567890,"x":null}}`},
		{name: "clause 23: cni-args no object", in: `[{"name":"a","cni-args":[]}]`, want: a, mistakes: []string{"cni-args: want an object"}},

		{name: "clause 25: portMappings", in: `[{"name":"a","portMappings":[{"hostPort":80,"containerPort":8080},{"hostPort":80,"containerPort":8080,"protocol":"UDP","hostIP":"10.0.0.1"}]}]`,
			want: `{"name":"a","namespace":"ns","portMappings":[{"hostPort":80,"containerPort":8080,"protocol":"tcp"},{"hostPort":80,"containerPort":8080,"protocol":"udp","hostIP":"10.0.0.1"}]}`},
		{name: "clause 25: bad mappings", in: `[{"name":"a","portMappings":[{"hostPort":0,"containerPort":65536},{"protocol":"icmp","hostIP":"x"},{"hostPort":1.5,"containerPort":"80","port":1},3]}]`,
			want: a, mistakes: []string{
				"portMappings: 1: hostPort: 0 is not a port", "containerPort: 65536", "2: has no hostPort", "has no containerPort",
				`protocol: "icmp" is not TCP, UDP or SCTP`, `hostIP: "x"`, `3: containerPort: want a whole number, have "\"80\""`,
				`hostPort: want a whole number, have "1.5"`, `unknown key "port"`, `4: want an object`}},
		{name: "clause 25: null", in: `[{"name":"a","portMappings":[{"hostPort":null,"containerPort":1}]}]`, want: a, mistakes: []string{"has no hostPort"}},
		{name: "clause 25: none", in: `[{"name":"a","portMappings":[]}]`, want: a, mistakes: []string{"portMappings: is empty"}},
		{name: "clause 25: host port twice", in: `[{"name":"a","portMappings":[{"hostPort":80,"containerPort":1},{"hostPort":80,"containerPort":2,"protocol":"TCP"}]}]`,
			want:     `{"name":"a","namespace":"ns","portMappings":[{"hostPort":80,"containerPort":1,"protocol":"tcp"},{"hostPort":80,"containerPort":2,"protocol":"tcp"}]}`,
			mistakes: []string{"hostPort 80/tcp is mapped twice"}},

		{name: "clause 28: bandwidth", in: `[{"name":"a","bandwidth":{"ingressRate":1000,"ingressBurst":2000,"egressRate":5000000000}}]`,
			want: `{"name":"a","namespace":"ns","bandwidth":{"ingressRate":1000,"ingressBurst":2000,"egressRate":5000000000,"egressBurst":4294967295}}`},
		{name: "clause 28: empty", in: `[{"name":"a","bandwidth":{}}]`, want: `{"name":"a","namespace":"ns","bandwidth":{"ingressRate":0,"ingressBurst":0,"egressRate":0,"egressBurst":0}}`,
			mistakes: []string{"bandwidth: is empty"}},
		{name: "clause 28: burst without rate, zero, fraction", in: `[{"name":"a","bandwidth":{"ingressBurst":5,"egressRate":0,"egressBurst":1.5}}]`,
			want:     `{"name":"a","namespace":"ns","bandwidth":{"ingressRate":0,"ingressBurst":0,"egressRate":0,"egressBurst":0}}`,
			mistakes: []string{`egressBurst: want a whole number`, "ingressBurst needs ingressRate", "egressRate: 0 is not a positive number"}},

		{name: "clause 31: default-route", in: `[{"name":"a","default-route":["10.0.0.1","fe80::1"]}]`,
			want: `{"name":"a","namespace":"ns","default-route":["10.0.0.1","fe80::1"]}`},
		{name: "clause 31: empty list", in: `[{"name":"a","default-route":[]}]`, want: a + " default-route=[]"},
		{name: "clause 31: on two elements", in: `[{"name":"a","default-route":[]},{"name":"b","default-route":["10.0.0.1"]}]`,
			want:     a + " default-route=[]\n" + `{"name":"b","namespace":"ns","default-route":["10.0.0.1"]}`,
			mistakes: []string{`element 2 ("ns/b"): default-route is asked for by two elements`}},
		{name: "clause 31: bad gateways", in: `[{"name":"a","default-route":["10.0.0.1/24","0.0.0.0","x",1]}]`, want: a + " default-route=[]",
			mistakes: []string{"without prefix length", `"0.0.0.0"`, `"x"`, "want a string"}},
		{name: "clause 33: two gateways of one family", in: `[{"name":"a","default-route":["10.0.0.1","10.0.0.2"]}]`,
			want: `{"name":"a","namespace":"ns","default-route":["10.0.0.1"]}`, mistakes: []string{"10.0.0.2 is the second gateway of its family"}},

		{name: "clause 34: infiniband-guid", in: `[{"name":"a","infiniband-guid":"c2:11:22:33:44:55:66:77"}]`,
			want: `{"name":"a","namespace":"ns","infiniband-guid":"c2:11:22:33:44:55:66:77"}`},
		{name: "clause 34: 6 bytes", in: `[{"name":"a","infiniband-guid":"c2:11:22:33:44:55"}]`, want: a, mistakes: []string{"is not a GUID of 8 bytes"}},

		{name: "clause 36: ipam-claim-reference", in: `[{"name":"a","ipam-claim-reference":"vm-1.net"}]`,
			want: `{"name":"a","namespace":"ns","ipam-claim-reference":"vm-1.net"}`},
		{name: "clause 36: no object name", in: `[{"name":"a","ipam-claim-reference":"../x"}]`, want: a, mistakes: []string{"is not the name of an IPAMClaim"}},
		{name: "clause 37: with ips", in: `[{"name":"a","ips":["10.0.0.1"],"ipam-claim-reference":"c"}]`,
			want: `{"name":"a","namespace":"ns","ips":["10.0.0.1"],"ipam-claim-reference":"c"}`, mistakes: []string{"cannot be in one element"}},

		{name: "clause 38: repeated network", in: "a,a", want: a + "\n" + a},
		{name: "one address twice on one network", in: `[{"name":"a","ips":["10.0.0.1"]},{"name":"a","ips":["10.0.0.1/24"]},{"name":"b","ips":["10.0.0.1"]}]`,
			want: `{"name":"a","namespace":"ns","ips":["10.0.0.1"]}
{"name":"a","namespace":"ns","ips":["10.0.0.1/24"]}
{"name":"b","namespace":"ns","ips":["10.0.0.1"]}`, mistakes: []string{"ip 10.0.0.1 on network ns/a is asked for by two elements"}},

		{name: "deviceID with a path", in: `[{"name":"a","deviceID":"../../x"}]`, want: a, mistakes: []string{`deviceID: "../../x" is not a device`}},
		{name: "control characters are shown escaped", in: "a\x1b[31m", mistakes: []string{`broken JSON`}},
		{name: "control characters in a name", in: "a\x1b", mistakes: []string{`"a\x1b" is not a DNS-1123 label`}},
		{name: "65 networks", in: strings.Repeat("a,", 64) + "a", mistakes: []string{"selects 65 networks: a pod can have at most 64"}},
		{name: "65 elements", in: "[" + strings.Repeat("1,", 64) + "1]", mistakes: []string{"selects 65 networks"}},
		{name: "annotation too long", in: strings.Repeat(" ", maxAnnotation) + "a", mistakes: []string{"has 262145 bytes: at most 262144 are read"}},
		{name: "list too long", in: `[{"name":"a","ips":[` + strings.Repeat("1,", 300) + `1]}]`, want: a, mistakes: []string{"ips: has 301 entries"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			list, err := ParseNetworks(test.in, "ns")
			checkMistakes(t, err, test.mistakes)
			checkText(t, show(list), test.want)
		})
	}
}

func TestParseDefaultNetwork(t *testing.T) {
	for _, test := range []struct {
		name, in, want string
		mistakes       []string
	}{
		{name: "none"},
		{name: "name", in: "a", want: `{"name":"a","namespace":"kube-system"}`},
		{name: "full selection", in: `[{"name":"a","namespace":"b","ips":["10.0.0.1"],"interface":"eth0"}]`,
			want: `{"name":"a","namespace":"b","ips":["10.0.0.1"],"interface":"eth0"}`},
		{name: "two", in: "a,b", mistakes: []string{"annotation v1.multus-cni.io/default-network: has 2 elements: name exactly one"}},
		{name: "empty list", in: "[]", mistakes: []string{"has 0 elements"}},
		{name: "broken", in: "[", mistakes: []string{"broken JSON"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			one, err := ParseDefaultNetwork(test.in, "kube-system")
			checkMistakes(t, err, test.mistakes)
			var list []Selection
			if one != nil {
				list = append(list, *one)
			}
			checkText(t, show(list), test.want)
		})
	}
}
