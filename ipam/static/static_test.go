package static

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/braid-cni/braid/ipam"
)

// netConf is a network configuration around an "ipam" object's fields and more fields beside it.
func netConf(ipam, more string) []byte {
	return fmt.Appendf(nil, `{"cniVersion":"1.1.0","name":"net","type":"bridge","ipam":{"type":"static"%s}%s}`, ipam, more)
}

// describe writes the addresses of a result as "address via gateway".
func describe(r *current.Result) string {
	var all []string
	for _, ip := range r.IPs {
		text := ip.Address.String()
		if ip.Gateway != nil {
			text += " via " + ip.Gateway.String()
		}
		all = append(all, text)
	}
	return strings.Join(all, ", ")
}

func TestAdd(t *testing.T) {
	one := `,"addresses":[{"address":"10.1.0.5/24","gateway":"10.1.0.1"}]`
	tests := []struct {
		name, ipam, more, args, want string
	}{
		{"none", ``, ``, ``, ``},
		{"configured", `,"addresses":[{"address":"10.1.0.5/24","gateway":"10.1.0.1"},{"address":"fd00::5/64","gateway":""}]`, ``, ``, "10.1.0.5/24 via 10.1.0.1, fd00::5/64"},
		{"CNI_ARGS add", one, ``, "IP=10.2.0.5/24, fd00::7/64;GATEWAY=10.2.0.1,fd00::1;K8S_POD_NAME=p", "10.1.0.5/24 via 10.1.0.1, 10.2.0.5/24 via 10.2.0.1, fd00::7/64 via fd00::1"},
		{"args replace", one, `,"args":{"cni":{"ips":["10.3.0.5/24"]}}`, "IP=10.2.0.5/24", "10.3.0.5/24"},
		{"runtimeConfig replaces all", one, `,"args":{"cni":{"ips":["10.3.0.5/24"]}},"runtimeConfig":{"ips":["10.4.0.5/24","fd00::5/64"]}`, "IP=10.2.0.5/24", "10.4.0.5/24, fd00::5/64"},
		{"gateway for a configured address", `,"addresses":[{"address":"10.1.0.5/24"}]`, ``, "GATEWAY=10.1.0.1", "10.1.0.5/24 via 10.1.0.1"},
		{"gateway for a replacing address", one, `,"runtimeConfig":{"ips":["10.4.0.5/24"]}`, "GATEWAY=10.4.0.1", "10.4.0.5/24 via 10.4.0.1"},
		{"gateway of what is replaced", one, `,"runtimeConfig":{"ips":["10.4.0.5/24"]}`, "IP=10.2.0.5/24;GATEWAY=10.2.0.1", "10.4.0.5/24"},
		{"same range twice", `,"addresses":[{"address":"10.1.0.5/24"},{"address":"10.1.0.6/24"}]`, ``, ``, "10.1.0.5/24, 10.1.0.6/24"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := New().Add(t.Context(), &ipam.Request{IfName: "eth0", Config: netConf(tt.ipam, tt.more), Args: tt.args})
			if err != nil {
				t.Fatal(err)
			}
			if got := describe(r); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestAddRoutesAndDNS(t *testing.T) {
	r, err := New().Add(t.Context(), &ipam.Request{Config: netConf(`,"routes":[{"dst":"10.0.0.0/8","gw":"10.1.0.1","mtu":1400}],"dns":{"nameservers":["10.0.0.53"],"domain":"a","search":["b"],"options":["c"]}`, ``)})
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(r.CNIVersion, r.Routes, r.DNS)
	if want := "1.1.0[{Dst:{IP:10.0.0.0 Mask:ff000000} GW:10.1.0.1 MTU:1400 AdvMSS:0 Priority:0 Table:<nil> Scope:<nil>}] {[10.0.0.53] a [b] [c]}"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestMistakes(t *testing.T) {
	tests := []struct {
		name, ipam, more, args string
		want                   []string
	}{
		{"no prefix length", `,"addresses":[{"address":"10.1.0.5"},{}]`, ``, ``, []string{`ipam.addresses[0].address: "10.1.0.5" is no address in CIDR`, `ipam.addresses[1].address: ""`}},
		{"gateway", `,"addresses":[{"address":"10.1.0.5/24","gateway":"x"}]`, ``, ``, []string{`ipam.addresses[0].gateway: "x" is no IP`}},
		{"everything at once", `,"addresses":[{"address":"a"}],"routes":[{"dst":"b"}],"dns":{"server":"c"},"range":1`,
			`,"args":{"cni":{"ips":["d"]}},"runtimeConfig":{"ips":["e"]}`, "IP=f;GATEWAY=g", []string{
				`ipam.addresses[0].address: "a"`, `ipam.routes[0]`, `ipam.dns.server`, `ipam.range: "1"`,
				`args.cni.ips: "d"`, `runtimeConfig.ips: "e"`, `CNI_ARGS IP: "f"`, `CNI_ARGS GATEWAY: "g"`}},
		{"gateway of no address", `,"addresses":[{"address":"10.1.0.5/24"}]`, ``, "GATEWAY=10.9.0.1", []string{`CNI_ARGS GATEWAY: "10.9.0.1" lies in the subnet of no address`}},
		{"mapped", `,"addresses":[{"address":"::ffff:10.0.0.1/120"}]`, ``, ``, []string{`ipam.addresses[0].address: "::ffff:10.0.0.1/120" is no address`}},
		{"old version", `,"addresses":[{"address":"10.1.0.5/24"},{"address":"10.1.0.6/24"}]`, `,"cniVersion":"0.2.0"`, ``, []string{`cniVersion: "0.2.0"`}},
		{"wrong types", `,"addresses":7`, ``, ``, []string{`ipam.addresses: "number" has the wrong type: write a list`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := New().Add(t.Context(), &ipam.Request{Config: netConf(tt.ipam, tt.more), Args: tt.args})
			wantCode(t, err, types.ErrInvalidNetworkConfig)
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error lacks %s:\n%v", want, err)
				}
			}
		})
	}
	_, err := New().Add(t.Context(), &ipam.Request{Config: []byte("{")})
	wantCode(t, err, types.ErrDecodingFailure)
}

func TestCheck(t *testing.T) {
	prev := func(ips string) string { return `,"prevResult":{"cniVersion":"1.1.0","ips":[` + ips + `]}` }
	tests := []struct {
		name, ipam, more string
		code             uint
	}{
		{"as configured", `,"addresses":[{"address":"10.1.0.5/24","gateway":"10.1.0.1"}]`, prev(`{"address":"10.9.0.1/24"},{"address":"10.1.0.5/24","gateway":"10.1.0.1"}`), 0},
		{"any gateway", `,"addresses":[{"address":"10.1.0.5/24"}]`, prev(`{"address":"10.1.0.5/24","gateway":"10.1.0.1"}`), 0},
		{"other gateway", `,"addresses":[{"address":"10.1.0.5/24","gateway":"10.1.0.1"}]`, prev(`{"address":"10.1.0.5/24","gateway":"10.1.0.2"}`), types.ErrInternal},
		{"missing", `,"addresses":[{"address":"10.1.0.5/24"}]`, prev(`{"address":"10.1.0.6/24"}`), types.ErrInternal},
		{"no prevResult", `,"addresses":[{"address":"10.1.0.5/24"}]`, ``, types.ErrInvalidNetworkConfig},
		{"asked for at run time", `,"addresses":[{"address":"10.1.0.5/24"}]`, `,"runtimeConfig":{"ips":["10.1.0.6/24"]}` + prev(`{"address":"10.1.0.6/24"}`), 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			wantCode(t, New().Check(t.Context(), &ipam.Request{IfName: "eth0", Config: netConf(tt.ipam, tt.more)}), tt.code)
		})
	}
}

// TestStateless frees nothing, whatever the configuration, and reports a broken one.
func TestStateless(t *testing.T) {
	d := New()
	if err := errors.Join(d.Del(t.Context(), &ipam.Request{}), d.GC(t.Context(), &ipam.GCRequest{}), d.Status(t.Context(), &ipam.StatusRequest{Config: netConf("", "")})); err != nil {
		t.Error(err)
	}
	wantCode(t, d.Status(t.Context(), &ipam.StatusRequest{Config: netConf(`,"addresses":[{}]`, "")}), types.ErrInvalidNetworkConfig)
}

// TestReadme runs the README's example and finds what the README says about it.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(readme), "```json\n")
	example, _, ok := strings.Cut(example, "```")
	r, err := New().Add(t.Context(), &ipam.Request{Config: []byte(example)})
	if !ok || err != nil {
		t.Fatal(ok, err)
	}
	if got := describe(r); !strings.Contains(string(readme), got) {
		t.Errorf("the example gives %s, which README.md does not say", got)
	}
}

// FuzzParse looks for configurations that crash the parser or that fail without a code.
func FuzzParse(f *testing.F) {
	f.Add(netConf(`,"addresses":[{"address":"10.1.0.5/24","gateway":"10.1.0.1"}],"dns":{"domain":"a"}`, `,"args":{"cni":{"ips":["fd00::1/64"]}}`), "IP=10.2.0.5/24;GATEWAY=10.2.0.1")
	f.Add([]byte(`{"ipam":{"addresses":[null,{}]}}`), ";=")
	f.Fuzz(func(t *testing.T, data []byte, args string) {
		var cni *types.Error
		if _, err := parse(data, args); err != nil && !errors.As(err, &cni) {
			t.Fatalf("error without a code: %v", err)
		}
	})
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
