package hostlocal

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/containernetworking/cni/pkg/types"
)

// netConf is a network configuration around an "ipam" object's fields and more fields beside it.
func netConf(ipam, more string) []byte {
	return fmt.Appendf(nil, `{"cniVersion":"1.1.0","name":"net","type":"bridge","ipam":{"type":"host-local"%s}%s}`, ipam, more)
}

func TestParseRanges(t *testing.T) {
	tests := []struct {
		name, ipam, more string
		// want is the sets as "first-last via gateway in subnet".
		want []string
	}{
		{"old form", `,"subnet":"10.1.2.0/24"`, ``, []string{"10.1.2.1-10.1.2.254 via 10.1.2.1 in 10.1.2.0/24"}},
		{"old form in full", `,"subnet":"10.1.2.0/24","rangeStart":"10.1.2.9","rangeEnd":"10.1.2.20","gateway":"10.1.2.30"`, ``,
			[]string{"10.1.2.9-10.1.2.20 via 10.1.2.30 in 10.1.2.0/24"}},
		{"empty strings are absent", `,"subnet":"10.1.2.0/24","rangeStart":"","rangeEnd":"","gateway":"","dataDir":"","resolvConf":""`, ``,
			[]string{"10.1.2.1-10.1.2.254 via 10.1.2.1 in 10.1.2.0/24"}},
		{"keys in any case", `,"SUBNET":"10.1.2.0/24","rangestart":"10.1.2.9"`, ``, []string{"10.1.2.9-10.1.2.254 via 10.1.2.1 in 10.1.2.0/24"}},
		{"v6", `,"ranges":[[{"subnet":"fd00::/64"}]]`, ``, []string{"fd00::1-fd00::ffff:ffff:ffff:ffff via fd00::1 in fd00::/64"}},
		{"smallest", `,"ranges":[[{"subnet":"10.0.0.0/30"}],[{"subnet":"fd00::/126"}]]`, ``,
			[]string{"10.0.0.1-10.0.0.2 via 10.0.0.1 in 10.0.0.0/30", "fd00::1-fd00::3 via fd00::1 in fd00::/126"}},
		{"network and broadcast address by name", `,"subnet":"10.1.2.0/24","rangeStart":"10.1.2.0","rangeEnd":"10.1.2.255"`, ``,
			[]string{"10.1.2.0-10.1.2.255 via 10.1.2.1 in 10.1.2.0/24"}},
		{"order of sources", `,"subnet":"10.2.0.0/24","ranges":[[{"subnet":"10.3.0.0/24"}]]`, `,"runtimeConfig":{"ipRanges":[[{"subnet":"10.1.0.0/24"}]]}`,
			[]string{"10.1.0.1-10.1.0.254 via 10.1.0.1 in 10.1.0.0/24", "10.2.0.1-10.2.0.254 via 10.2.0.1 in 10.2.0.0/24", "10.3.0.1-10.3.0.254 via 10.3.0.1 in 10.3.0.0/24"}},
		{"two ranges in a set", `,"ranges":[[{"subnet":"10.1.0.0/24","rangeEnd":"10.1.0.9"},{"subnet":"10.1.0.0/24","rangeStart":"10.1.0.20"}]]`, ``,
			[]string{"10.1.0.1-10.1.0.9 via 10.1.0.1 in 10.1.0.0/24 10.1.0.20-10.1.0.254 via 10.1.0.1 in 10.1.0.0/24"}},
		{"gateway outside its subnet", `,"subnet":"10.1.2.0/24","gateway":"169.254.1.1"`, ``, []string{"10.1.2.1-10.1.2.254 via 169.254.1.1 in 10.1.2.0/24"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := parse(netConf(tt.ipam, tt.more), "K8S_POD_NAME=x")
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, s := range c.sets {
				var ranges []string
				for _, r := range s {
					ranges = append(ranges, fmt.Sprintf("%s via %s in %s", r, r.gateway, r.subnet))
				}
				got = append(got, strings.Join(ranges, " "))
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got\n%q\nwant\n%q", got, tt.want)
			}
		})
	}
}

func TestParseMistakes(t *testing.T) {
	subnet := `,"subnet":"10.1.2.0/24"`
	tests := []struct {
		name, ipam, more, args string
		// want are parts of the one error.
		want []string
	}{
		{"no range", ``, ``, ``, []string{`ipam.ranges: "" gives no range`}},
		{"host bits", `,"subnet":"10.1.2.3/24"`, ``, ``, []string{`ipam.subnet: "10.1.2.3/24" has host bits set: write 10.1.2.0/24`}},
		{"too small", `,"ranges":[[{"subnet":"10.1.2.0/31"}],[{"subnet":"fd00::/127"}]]`, ``, ``,
			[]string{`ipam.ranges[0][0].subnet: "10.1.2.0/31" is too small`, `ipam.ranges[1][0].subnet: "fd00::/127" is too small`}},
		{"no subnet in a range", `,"ranges":[[{"gateway":"10.1.2.1"}]]`, ``, ``, []string{`ipam.ranges[0][0].subnet: "" is no subnet`}},
		{"mapped subnet", `,"subnet":"::ffff:10.0.0.0/120"`, ``, ``, []string{`ipam.subnet: "::ffff:10.0.0.0/120" is no subnet`}},
		{"ends outside", `,"subnet":"10.1.2.0/24","rangeStart":"10.1.1.9","rangeEnd":"10.1.3.1"`, ``, ``,
			[]string{`ipam.rangeStart: "10.1.1.9" lies outside the subnet 10.1.2.0/24`, `ipam.rangeEnd: "10.1.3.1" lies outside`}},
		{"ends exchanged", `,"subnet":"10.1.2.0/24","rangeStart":"10.1.2.9","rangeEnd":"10.1.2.8"`, ``, ``, []string{`ipam.rangeEnd: "10.1.2.8" lies before the start of the range, 10.1.2.9`}},
		{"old form without subnet", `,"gateway":"10.1.2.1","ranges":[[{"subnet":"10.1.2.0/24"}]]`, ``, ``, []string{`ipam.subnet: "" is missing beside`}},
		{"empty set", `,"ranges":[[]]`, ``, ``, []string{`ipam.ranges[0]: "[]" is an empty range set`}},
		{"mixed families", `,"ranges":[[{"subnet":"10.1.2.0/24"},{"subnet":"fd00::/64"}]]`, ``, ``, []string{`range set 0: "fd00::1-fd00::ffff:ffff:ffff:ffff" is of another family`}},
		{"overlap in a set", `,"ranges":[[{"subnet":"10.1.2.0/24"},{"subnet":"10.1.2.128/25"}]]`, ``, ``, []string{`range set 0: "10.1.2.129-10.1.2.254" overlaps 10.1.2.1-10.1.2.254 of the same set`}},
		{"overlap of sets", `,"subnet":"10.1.2.0/24","ranges":[[{"subnet":"10.1.0.0/16"}]]`, ``, ``, []string{`range set 1: "10.1.0.1-10.1.255.254" overlaps 10.1.2.1-10.1.2.254 of range set 0`}},
		{"unknown fields", subnet + `,"exclude":[],"ranges":[[{"subnet":"10.9.0.0/24","rangeend":"10.9.0.9","step":2}]]`, ``, ``,
			[]string{`ipam.exclude: "[]" stands in a field`, `ipam.ranges[0][0].step: "2" stands in a field`}},
		{"paths", subnet + `,"dataDir":"var/x","resolvConf":"/etc/../x"`, ``, ``, []string{`ipam.dataDir: "var/x" is a relative path`, `ipam.resolvConf: "/etc/../x" has '..' in it`}},
		{"wrong types", `,"subnet":10`, ``, ``, []string{`ipam.subnet: "number" has the wrong type: write a string`}},
		{"route", subnet + `,"routes":[{"dst":"0.0.0.0/0"},{"dst":"nowhere"}]`, ``, ``, []string{`ipam.routes[1]: "{\"dst\":\"nowhere\"}" is no route`}},
		{"addresses asked for", subnet, `,"args":{"cni":{"ips":["b"]}},"runtimeConfig":{"ips":["fe80::1%eth0"]}`, `IP=a`,
			[]string{`CNI_ARGS IP: "a" is no IP`, `args.cni.ips: "b" is no IP`, `runtimeConfig.ips: "fe80::1%eth0" is no IP`}},
		{"asked outside", subnet, `,"runtimeConfig":{"ips":["10.9.9.9/24"]}`, ``, []string{`runtimeConfig.ips: "10.9.9.9" lies in no range of the network: ask for an address in 10.1.2.1-10.1.2.254`}},
		{"asked for gateway", subnet, ``, `IP=10.1.2.1`, []string{`CNI_ARGS IP: "10.1.2.1" is the gateway`}},
		{"asked twice in a set", subnet, `,"args":{"cni":{"ips":["10.1.2.6"]}}`, `IP=10.1.2.5`, []string{`args.cni.ips: "10.1.2.6" is a second address of range set 0 beside 10.1.2.5`}},
		{"network name", subnet, `,"name":"../etc"`, ``, []string{`name: "../etc" is no network name`}},
		{"no network name", subnet, `,"name":""`, ``, []string{`name: "" is no network name`}},
		{"old version", `,"ranges":[[{"subnet":"10.1.2.0/24"}],[{"subnet":"10.2.2.0/24"}]]`, `,"cniVersion":"0.2.0"`, ``, []string{`cniVersion: "0.2.0" allows one address of a family`}},
		{"everything at once", `,"subnet":"10.1.2.3/24","dataDir":"x","routes":[5]`, `,"name":"a/b"`, `IP=z`,
			[]string{"ipam.subnet", "ipam.dataDir", "ipam.routes[0]", "name", "CNI_ARGS IP"}},
		{"no ipam", `},"x":{`, `,"ipam":null`, ``, []string{`gives no range`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parse(netConf(tt.ipam, tt.more), tt.args)
			wantCode(t, err, types.ErrInvalidNetworkConfig)
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error lacks %s:\n%v", want, err)
				}
			}
		})
	}
}

func TestParseNoJSON(t *testing.T) {
	for _, data := range []string{"", "{", "[]", `"x"`} {
		_, err := parse([]byte(data), "")
		wantCode(t, err, types.ErrDecodingFailure)
		_, err = parsePlaceOnly([]byte(data))
		wantCode(t, err, types.ErrDecodingFailure)
	}
}

func TestParsePlaceOnly(t *testing.T) {
	tests := []struct {
		name, data, want string
		code             uint
	}{
		{"broken ranges", `{"name":"net","ipam":{"ranges":5,"dataDir":"/d"},"runtimeConfig":7}`, "/d/net", 0},
		{"default folder", `{"name":"net","ipam":{}}`, "/var/lib/cni/networks/net", 0},
		{"no ipam", `{"name":"net"}`, "", types.ErrInvalidNetworkConfig},
		{"dataDir of a wrong type", `{"name":"net","ipam":{"dataDir":5}}`, "", types.ErrInvalidNetworkConfig},
		{"climbing", `{"name":"net","ipam":{"dataDir":"/d/../e"}}`, "", types.ErrInvalidNetworkConfig},
		{"name of a wrong type", `{"name":5,"ipam":{}}`, "", types.ErrInvalidNetworkConfig},
		{"name that climbs", `{"name":"..","ipam":{}}`, "", types.ErrInvalidNetworkConfig},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parsePlaceOnly([]byte(tt.data))
			wantCode(t, err, tt.code)
			if err == nil && got.folder != tt.want {
				t.Errorf("got %s, want %s", got.folder, tt.want)
			}
		})
	}
}

func TestSetAfter(t *testing.T) {
	r := func(first, last string) addrRange {
		return addrRange{subnet: netip.MustParsePrefix("0.0.0.0/0"), first: netip.MustParseAddr(first), last: netip.MustParseAddr(last)}
	}
	s := set{r("10.0.0.1", "10.0.0.3"), r("10.0.0.7", "10.0.0.8"), r("255.255.255.254", "255.255.255.255")}
	tests := []struct{ last, want string }{
		{"0.0.0.0", "1 2 3 7 8 254 255"},
		{"10.0.0.1", "2 3 7 8 254 255 1"},
		{"10.0.0.3", "7 8 254 255 1 2 3"},
		{"10.0.0.7", "8 254 255 1 2 3 7"},
		{"255.255.255.255", "1 2 3 7 8 254 255"},
		{"fd00::1", "1 2 3 7 8 254 255"},
	}
	for _, tt := range tests {
		var got []string
		for a := range s.after(netip.MustParseAddr(tt.last)) {
			got = append(got, fmt.Sprint(a.AsSlice()[3]))
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("after %s: got %s, want %s", tt.last, got, tt.want)
		}
	}
}

func TestSetSize(t *testing.T) {
	for ipam, want := range map[string]string{
		`,"subnet":"10.1.2.0/24"`: "254", `,"subnet":"fd00::/64"`: "18446744073709551615", `,"subnet":"10.1.2.0/24","rangeStart":"10.1.2.9","rangeEnd":"10.1.2.9"`: "1",
	} {
		c, err := parse(netConf(ipam, ""), "")
		if err != nil || c.sets[0].size() != want {
			t.Errorf("%s: got %s, %v; want %s", ipam, c.sets[0].size(), err, want)
		}
	}
}

// FuzzParse looks for configurations that crash the parser, or that it passes without keeping its promises.
func FuzzParse(f *testing.F) {
	f.Add(netConf(`,"subnet":"10.1.2.0/24","rangeStart":"10.1.2.9","routes":[{"dst":"0.0.0.0/0"}]`, ``), "IP=10.1.2.10;X=1")
	f.Add(netConf(`,"ranges":[[{"subnet":"fd00::/126"}],[{"subnet":"10.0.0.0/8"}]]`, `,"runtimeConfig":{"ips":["10.0.0.7/24"]}`), "")
	f.Add([]byte(`{"name":"n","ipam":{"subnet":"::/0"}}`), "")
	f.Add([]byte(`{"name":"n","ipam":{"subnet":"0.0.0.0/0","rangeEnd":"255.255.255.255"}}`), "")
	f.Fuzz(func(t *testing.T, data []byte, args string) {
		c, err := parse(data, args)
		if err != nil {
			var cni *types.Error
			if !errors.As(err, &cni) {
				t.Fatalf("error without a code: %v", err)
			}
			return
		}
		checkPromises(t, c)
	})
}

// checkPromises fails when a parsed configuration is not what ADD relies on.
func checkPromises(t *testing.T, c *config) {
	t.Helper()
	if len(c.sets) == 0 || len(c.wanted) != len(c.sets) || !strings.HasPrefix(c.folder, "/") || strings.Contains(c.folder, "/../") {
		t.Fatalf("broken promise: %+v", c)
	}
	for i, s := range c.sets {
		for _, r := range s {
			if !r.subnet.IsValid() || !r.contains(r.first) || !r.contains(r.last) || !r.gateway.IsValid() || r.first.Zone() != "" {
				t.Fatalf("broken range: %+v", r)
			}
		}
		if w := c.wanted[i]; w.IsValid() && (!s.contains(w) || c.gateway(w)) {
			t.Fatalf("set %d wants %s", i, w)
		}
		for a := range s.after(s[len(s)-1].last) {
			if a != s[0].first {
				t.Fatalf("round begins at %s", a)
			}
			break
		}
	}
}

// wantCode fails unless err carries that CNI code; 0 means no error.
func wantCode(t *testing.T, err error, code uint) {
	t.Helper()
	if err == nil && code == 0 {
		return
	}
	var cni *types.Error
	if !errors.As(err, &cni) || cni.Code != code {
		t.Fatalf("error %v (%+v), want code %d", err, cni, code)
	}
}
