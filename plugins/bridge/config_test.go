package bridge

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/containernetworking/cni/pkg/types"
)

func TestParseDefaults(t *testing.T) {
	c, err := parse([]byte(`{"cniVersion":"0.3.1","name":"net"}`), "")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprintf("%+v", *c), fmt.Sprintf("%+v", config{network: "net", bridge: "cni0"}); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

func TestParse(t *testing.T) {
	for _, tt := range []struct{ name, config, args, want string }{
		{"default gateway is a gateway", `"isDefaultGateway":true`, "", "gateway:true defaultGateway:true"},
		{"trunk", `"vlanTrunk":[{"minID":10,"maxID":12,"id":7},{"id":11}]`, "", "trunk:[7 10 11 12]"},
		{"unknown keys", `"x":{"y":1},"args":{"labels":{"a":"b"}},"capabilities":{"mac":true}`, "", "bridge:cni0"},
		{"foreign arguments", "", "K8S_POD_NAME=x;IgnoreUnknown=1;nonsense", "mac:[]"},
		{"iptables", `"ipMasq":true,"ipMasqBackend":"iptables"`, "", "masquerade:true"},
		{"longest bridge name", `"bridge":"abcdefghijklmno"`, "", "bridge:abcdefghijklmno"},
		{"prevResult of an old version", `"prevResult":{"cniVersion":"0.4.0","interfaces":[{"name":"a"}]}`, "", "prev:0x"},
		{"no prevResult", `"prevResult":null`, "", "prev:<nil>"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fields := tt.config
			if fields != "" {
				fields = "," + fields
			}
			c, err := parse([]byte(`{"cniVersion":"1.0.0","name":"net"`+fields+`}`), tt.args)
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprintf("%+v", *c); !strings.Contains(got, tt.want) {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// DEL of a configuration that ADD refused finds what is right in it.
func TestWrongTypeHidesNothingElse(t *testing.T) {
	c, err := parse([]byte(`{"name":"n","mtu":"big","bridge":"br1","ipam":{"type":"static"}}`), "")
	if err == nil || c == nil || c.network != "n" || c.bridge != "br1" || c.ipam != "static" {
		t.Errorf("got %+v, %v", c, err)
	}
	if c, err := parse([]byte(`{"name":"n",`), ""); err == nil || c != nil {
		t.Errorf("of broken JSON got %+v, %v", c, err)
	}
}

func TestParseMistakes(t *testing.T) {
	for _, tt := range []struct {
		name, config, args string
		code               uint
		want               []string
	}{
		{"not JSON", `{`, "", types.ErrDecodingFailure, nil},
		{"wrong type", `{"name":"n","mtu":"big"}`, "", types.ErrDecodingFailure, []string{"mtu"}},
		{"version", `{"name":"n","cniVersion":"9.9.9"}`, "", types.ErrIncompatibleCNIVersion, []string{`"9.9.9"`, "1.1.0"}},
		{"no name", `{}`, "", types.ErrInvalidNetworkConfig, []string{`name ""`}},
		{"all at once", `{"name":"n","bridge":"a/b","mtu":10,"vlan":4095,"hairpinMode":true,"promiscMode":true,
			"ipMasqBackend":"ipset","disableContainerInterface":true,"ipam":{"type":"static"},
			"vlanTrunk":[{"minID":1},{"id":0},{"minID":5,"maxID":4},{"minID":1,"maxID":5000}],
			"args":{"cni":{"mac":"01:00:00:00:00:01"}},"runtimeConfig":{"mac":"x"},"prevResult":{"cniVersion":"1.0.0","ips":3}}`,
			"MAC=00:00:00:00:00:00", types.ErrInvalidNetworkConfig, []string{
				`bridge "a/b"`, "mtu 10", "vlan 4095", "hairpinMode true", `ipMasqBackend "ipset"`,
				`disableContainerInterface true`, `"static"`, `vlanTrunk[0] {"minID":1}`, "vlanTrunk[1].id 0",
				`vlanTrunk[2] {"minID":5,"maxID":4}`, "vlanTrunk[3].maxID 5000", `CNI_ARGS MAC "00:00:00:00:00:00"`,
				`args.cni.mac "01:00:00:00:00:01"`, `runtimeConfig.mac "x"`, "prevResult",
			}},
		{"name that is a path", `{"name":"../up"}`, "", types.ErrInvalidNetworkConfig, []string{`name "../up"`}},
		{"empty bridge", `{"name":"n","bridge":""}`, "", types.ErrInvalidNetworkConfig, []string{`bridge ""`}},
		{"bridge of all sysctls", `{"name":"n","bridge":"all"}`, "", types.ErrInvalidNetworkConfig, []string{`bridge "all"`}},
		{"bridge with an escape", `{"name":"n","bridge":"\u001b[31m"}`, "", types.ErrInvalidNetworkConfig, []string{`bridge "\x1b[31m"`}},
		{"bridge named as a pod's link", `{"name":"n","bridge":"braid0123456789"}`, "", types.ErrInvalidNetworkConfig, []string{"bridge"}},
		{"no room for the vlan", `{"name":"n","bridge":"abcdefghijklmno","vlan":5,"isGateway":true}`, "",
			types.ErrInvalidNetworkConfig, []string{"abcdefghijklmno.5"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parse([]byte(tt.config), tt.args)
			var cni *types.Error
			if !errors.As(err, &cni) || cni.Code != tt.code {
				t.Fatalf("error %v, want code %d", err, tt.code)
			}
			for _, text := range tt.want {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("%q is not in: %v", text, err)
				}
			}
		})
	}
}
