package hostlocal

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
	"golang.org/x/sys/unix"

	"github.com/braid-cni/braid/ipam"
)

// world is a driver on a root of its own, with the folder of network "net" at folder.
type world struct {
	*Driver
	folder string
}

// newWorld makes a root in a temporary folder.
func newWorld(t *testing.T) world {
	t.Helper()
	root := t.TempDir()
	return world{New(Options{Root: root}), filepath.Join(root, defaultDataDir, "net")}
}

// put writes a file into the folder, as somebody else would.
func (w world) put(t *testing.T, name, content string) {
	t.Helper()
	if err := os.MkdirAll(w.folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(w.folder, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// files lists the folder as "name=content" with a slash for the line break, without the lock.
func (w world) files(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(w.folder)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	var files []string
	for _, e := range entries {
		content, err := os.ReadFile(filepath.Join(w.folder, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if e.Name() != lockName {
			files = append(files, e.Name()+"="+strings.ReplaceAll(string(content), lineBreak, "/"))
		}
	}
	return files
}

// addresses is the addresses of a result as text.
func addresses(r *current.Result) string {
	var all []string
	for _, ip := range r.IPs {
		all = append(all, ip.Address.String())
	}
	return strings.Join(all, " ")
}

// add runs ADD for interface eth0.
func (w world) add(ctx context.Context, id string, conf []byte, args string) (string, error) {
	r, err := w.Add(ctx, &ipam.Request{ContainerID: id, IfName: "eth0", Config: conf, Args: args})
	if err != nil {
		return "", err
	}
	return addresses(r), nil
}

// del runs DEL for interface eth0.
func (w world) del(t *testing.T, id string, conf []byte) {
	t.Helper()
	if err := w.Del(t.Context(), &ipam.Request{ContainerID: id, IfName: "eth0", Config: conf}); err != nil {
		t.Fatal(err)
	}
}

func TestAdd(t *testing.T) {
	small := `,"subnet":"10.1.2.0/24","rangeStart":"10.1.2.1","rangeEnd":"10.1.2.4"`
	dual := `,"ranges":[[{"subnet":"10.1.2.0/24"}],[{"subnet":"fd00:1::/64"}]]`
	tests := []struct {
		name       string
		before     map[string]string
		ipam, more string
		args       string
		want       string
		code       uint
		// files are those that ADD is to leave, nil when it is to change none.
		files []string
	}{
		{name: "first", ipam: small, want: "10.1.2.2/24", files: []string{"10.1.2.2=c1/eth0", "last_reserved_ip.0=10.1.2.2"}},
		{name: "after the last", before: map[string]string{"last_reserved_ip.0": "10.1.2.2"}, ipam: small, want: "10.1.2.3/24",
			files: []string{"10.1.2.3=c1/eth0", "last_reserved_ip.0=10.1.2.3"}},
		{name: "round the end", before: map[string]string{"last_reserved_ip.0": "10.1.2.4"}, ipam: small, want: "10.1.2.2/24",
			files: []string{"10.1.2.2=c1/eth0", "last_reserved_ip.0=10.1.2.2"}},
		{name: "last outside the range", before: map[string]string{"last_reserved_ip.0": "10.9.9.9"}, ipam: small, want: "10.1.2.2/24",
			files: []string{"10.1.2.2=c1/eth0", "last_reserved_ip.0=10.1.2.2"}},
		{name: "last broken", before: map[string]string{"last_reserved_ip.0": "10."}, ipam: small, want: "10.1.2.2/24",
			files: []string{"10.1.2.2=c1/eth0", "last_reserved_ip.0=10.1.2.2"}},
		{name: "over a lease of another", before: map[string]string{"10.1.2.2": "c9\r\neth0"}, ipam: small, want: "10.1.2.3/24",
			files: []string{"10.1.2.2=c9/eth0", "10.1.2.3=c1/eth0", "last_reserved_ip.0=10.1.2.3"}},
		{name: "dual-stack", ipam: dual, want: "10.1.2.2/24 fd00:1::2/64",
			files: []string{"10.1.2.2=c1/eth0", "fd00:1::2=c1/eth0", "last_reserved_ip.0=10.1.2.2", "last_reserved_ip.1=fd00:1::2"}},
		{name: "asked in CNI_ARGS among unknown keys", ipam: small, args: "MAC=00:00:00:00:00:01;IP=10.1.2.4;K8S_POD_NAME=p", want: "10.1.2.4/24",
			files: []string{"10.1.2.4=c1/eth0", "last_reserved_ip.0=10.1.2.4"}},
		{name: "asked in args", ipam: small, more: `,"args":{"cni":{"ips":["10.1.2.3/30"]}}`, want: "10.1.2.3/24",
			files: []string{"10.1.2.3=c1/eth0", "last_reserved_ip.0=10.1.2.3"}},
		{name: "asked by the runtime, one of two sets", ipam: dual, more: `,"runtimeConfig":{"ips":["fd00:1::99"]}`, want: "10.1.2.2/24 fd00:1::99/64",
			files: []string{"10.1.2.2=c1/eth0", "fd00:1::99=c1/eth0", "last_reserved_ip.0=10.1.2.2", "last_reserved_ip.1=fd00:1::99"}},
		{name: "asked by all, the same", ipam: small, more: `,"args":{"cni":{"ips":["10.1.2.3"]}},"runtimeConfig":{"ips":["10.1.2.3/24"]}`, args: "IP=10.1.2.3",
			want: "10.1.2.3/24", files: []string{"10.1.2.3=c1/eth0", "last_reserved_ip.0=10.1.2.3"}},
		{name: "asked for a lease of another", before: map[string]string{"10.1.2.3": "c9\r\neth0"}, ipam: small, args: "IP=10.1.2.3", code: types.ErrTryAgainLater},
		{name: "twice", before: map[string]string{"10.1.2.3": "c1\r\neth0"}, ipam: small, code: types.ErrInvalidEnvironmentVariables},
		{name: "twice, asked for", before: map[string]string{"10.1.2.3": "c1\r\neth0"}, ipam: small, args: "IP=10.1.2.4", code: types.ErrInvalidEnvironmentVariables},
		{name: "twice, old lease", before: map[string]string{"10.1.2.3": "c1"}, ipam: small, code: types.ErrInvalidEnvironmentVariables},
		{name: "other interface of the container", before: map[string]string{"10.1.2.2": "c1\r\nnet1"}, ipam: small, want: "10.1.2.3/24",
			files: []string{"10.1.2.2=c1/net1", "10.1.2.3=c1/eth0", "last_reserved_ip.0=10.1.2.3"}},
		{name: "own lease outside the ranges", before: map[string]string{"10.9.2.2": "c1\r\neth0"}, ipam: small, want: "10.1.2.2/24",
			files: []string{"10.1.2.2=c1/eth0", "10.9.2.2=c1/eth0", "last_reserved_ip.0=10.1.2.2"}},
		{name: "full", before: map[string]string{"10.1.2.2": "c2\r\neth0", "10.1.2.3": "c3\r\neth0", "10.1.2.4": "c4"}, ipam: small, code: ipam.ErrUnavailable},
		{name: "second set full keeps nothing of the first", before: map[string]string{"10.9.0.2": "c2\r\neth0"},
			ipam: small + `,"ranges":[[{"subnet":"10.9.0.0/30"}]]`, code: ipam.ErrUnavailable},
		{name: "gateway of another range of the subnet", ipam: `,"ranges":[[{"subnet":"10.1.2.0/24","rangeStart":"10.1.2.8","rangeEnd":"10.1.2.9","gateway":"10.1.2.20"}],` +
			`[{"subnet":"10.1.2.0/24","rangeStart":"10.1.2.20","rangeEnd":"10.1.2.22"}]]`, want: "10.1.2.8/24 10.1.2.21/24",
			files: []string{"10.1.2.21=c1/eth0", "10.1.2.8=c1/eth0", "last_reserved_ip.0=10.1.2.8", "last_reserved_ip.1=10.1.2.21"}},
		{name: "empty lease is taken last", before: map[string]string{"10.1.2.2": "", "10.1.2.3": "c3\r\neth0", "10.1.2.4": "c4\r\neth0"}, ipam: small, want: "10.1.2.2/24",
			files: []string{"10.1.2.2=c1/eth0", "10.1.2.3=c3/eth0", "10.1.2.4=c4/eth0", "last_reserved_ip.0=10.1.2.2"}},
		{name: "empty lease asked for", before: map[string]string{"10.1.2.3": "\x00\x00"}, ipam: small, args: "IP=10.1.2.3", want: "10.1.2.3/24",
			files: []string{"10.1.2.3=c1/eth0", "last_reserved_ip.0=10.1.2.3"}},
		{name: "draft of a crash", before: map[string]string{draftName: "c7\r\neth0"}, ipam: small, want: "10.1.2.2/24",
			files: []string{"10.1.2.2=c1/eth0", "last_reserved_ip.0=10.1.2.2"}},
		{name: "ipRanges of the runtime first", ipam: small, more: `,"runtimeConfig":{"ipRanges":[[{"subnet":"10.7.0.0/24"}]]}`, want: "10.7.0.2/24 10.1.2.2/24",
			files: []string{"10.1.2.2=c1/eth0", "10.7.0.2=c1/eth0", "last_reserved_ip.0=10.7.0.2", "last_reserved_ip.1=10.1.2.2"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			for name, content := range tt.before {
				w.put(t, name, content)
			}
			before := w.files(t)
			got, err := w.add(t.Context(), "c1", netConf(tt.ipam, tt.more), tt.args)
			wantCode(t, err, tt.code)
			if tt.files == nil {
				tt.files = before
			}
			if got != tt.want || !slices.Equal(w.files(t), tt.files) {
				t.Errorf("got %s and %q, want %s and %q", got, w.files(t), tt.want, tt.files)
			}
		})
	}
}

func TestAddResult(t *testing.T) {
	w := newWorld(t)
	if err := os.MkdirAll(filepath.Join(w.options.Root, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	resolv := "# comment\nnameserver 10.0.0.53\nnameserver fd00::53\ndomain a.example\nsearch b.example c.example\noptions ndots:5\n; x\nsortlist\n"
	if err := os.WriteFile(filepath.Join(w.options.Root, "etc/resolv.conf"), []byte(resolv), 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := w.Add(t.Context(), &ipam.Request{ContainerID: "c1", IfName: "eth0", Config: netConf(`,"ranges":[[{"subnet":"10.1.2.0/24"}],[{"subnet":"fd00::/64"}]],`+
		`"routes":[{"dst":"0.0.0.0/0"},{"dst":"fd01::/64","gw":"fd00::9","mtu":1400,"advmss":1300,"priority":5,"table":100,"scope":0}],"resolvConf":"/etc/resolv.conf"`, "")})
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("%s %v %v %v", got.CNIVersion, got.IPs, got.Routes, got.DNS)
	want := "1.1.0 [{Interface:<nil> Address:{IP:10.1.2.2 Mask:ffffff00} Gateway:10.1.2.1} {Interface:<nil> Address:{IP:fd00::2 Mask:ffffffffffffffff0000000000000000} Gateway:fd00::1}]" +
		" [{Dst:{IP:0.0.0.0 Mask:00000000} GW:<nil> MTU:0 AdvMSS:0 Priority:0 Table:<nil> Scope:<nil>}" +
		" {Dst:{IP:fd01:: Mask:ffffffffffffffff0000000000000000} GW:fd00::9 MTU:1400 AdvMSS:1300 Priority:5 Table:100 Scope:0}]" +
		" {[10.0.0.53 fd00::53] a.example [b.example c.example] [ndots:5]}"
	if text != want || len(got.Interfaces) != 0 {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
}

func TestFullError(t *testing.T) {
	w := newWorld(t)
	conf := netConf(`,"subnet":"10.1.2.0/30"`, "")
	if _, err := w.add(t.Context(), "c1", conf, ""); err != nil {
		t.Fatal(err)
	}
	_, err := w.add(t.Context(), "c2", conf, "")
	wantCode(t, err, ipam.ErrUnavailable)
	for _, want := range []string{`network "net"`, "all 2 of range set 0", "10.1.2.1-10.1.2.2", "widen the range", "/var/lib/cni/networks/net"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in: %v", want, err)
		}
	}
}

// TestRoundRobin gives a freed address again only after all others.
func TestRoundRobin(t *testing.T) {
	w := newWorld(t)
	conf := netConf(`,"subnet":"10.1.2.0/29"`, "")
	var got []string
	for range 7 {
		addr, err := w.add(t.Context(), "c1", conf, "")
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, strings.TrimSuffix(strings.TrimPrefix(addr, "10.1.2."), "/29"))
		w.del(t, "c1", conf)
	}
	if want := "2 3 4 5 6 2 3"; strings.Join(got, " ") != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestDel(t *testing.T) {
	tests := []struct {
		name   string
		before map[string]string
		conf   string
		want   []string
	}{
		{"no folder", nil, `{"name":"net","ipam":{}}`, nil},
		{"own only", map[string]string{"10.0.0.1": "c1\r\neth0", "fd00::1": "c1\r\neth0", "10.0.0.2": "c1\r\nnet1", "10.0.0.3": "c2\r\neth0"},
			`{"name":"net","ipam":{}}`, []string{"10.0.0.2=c1/net1", "10.0.0.3=c2/eth0"}},
		{"old when there is no own", map[string]string{"10.0.0.2": "c1\r\nnet1", "10.0.0.4": "c1\n"}, `{"name":"net","ipam":{}}`, []string{"10.0.0.2=c1/net1"}},
		{"nothing of its own", map[string]string{"10.0.0.2": "c2", "10.0.0.3": ""}, `{"name":"net","ipam":{}}`, []string{"10.0.0.2=c2", "10.0.0.3="}},
		{"ranges broken", map[string]string{"10.0.0.1": "c1\r\neth0"}, `{"name":"net","ipam":{"ranges":"x","subnet":5}}`, nil},
		{"files that are no leases", map[string]string{"notes": "c1\r\neth0", "last_reserved_ip.0": "c1\r\neth0"}, `{"name":"net","ipam":{}}`,
			[]string{"last_reserved_ip.0=c1/eth0", "notes=c1/eth0"}},
		{"draft of a crash", map[string]string{draftName: "c1\r\neth0"}, `{"name":"net","ipam":{}}`, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			for name, content := range tt.before {
				w.put(t, name, content)
			}
			for range 2 {
				w.del(t, "c1", []byte(tt.conf))
				if got := w.files(t); !slices.Equal(got, tt.want) {
					t.Errorf("got %q, want %q", got, tt.want)
				}
			}
			if tt.before == nil {
				if _, err := os.Stat(w.folder); err == nil {
					t.Error("DEL made the folder")
				}
			}
		})
	}
}

// TestDelOldBesideOwn leaves a lease without interface name alone while the attachment has leases of its own.
func TestDelOldBesideOwn(t *testing.T) {
	w := newWorld(t)
	w.put(t, "10.0.0.1", "c1\r\neth0")
	w.put(t, "10.0.0.4", "c1")
	w.del(t, "c1", []byte(`{"name":"net","ipam":{}}`))
	if got := w.files(t); !slices.Equal(got, []string{"10.0.0.4=c1"}) {
		t.Errorf("got %q", got)
	}
}

func TestDelWithoutFolder(t *testing.T) {
	r := &ipam.Request{ContainerID: "c1", IfName: "eth0", Config: []byte(`{"name":"net","ipam":{"dataDir":"x"}}`)}
	wantCode(t, newWorld(t).Del(t.Context(), r), types.ErrInvalidNetworkConfig)
	r.Config = []byte(`{"name":"net","ipam":{}}`)
	wantCode(t, New(Options{Root: filepath.Join(t.TempDir(), "not-mounted")}).Del(t.Context(), r), types.ErrIOFailure)
}

func TestAttachmentNames(t *testing.T) {
	tests := []struct {
		id, ifName string
		code       uint
	}{
		{"", "eth0", types.ErrUnknownContainer}, {"a b", "eth0", types.ErrInvalidEnvironmentVariables}, {"c1\r\neth0", "eth0", types.ErrInvalidEnvironmentVariables},
		{"c1", "", types.ErrInvalidEnvironmentVariables}, {"c1", "a/b", types.ErrInvalidEnvironmentVariables}, {"c1", "a\r\nb", types.ErrInvalidEnvironmentVariables},
	}
	for _, tt := range tests {
		r := &ipam.Request{ContainerID: tt.id, IfName: tt.ifName, Config: netConf(`,"subnet":"10.1.2.0/24"`, "")}
		_, err := newWorld(t).Add(t.Context(), r)
		wantCode(t, err, tt.code)
		wantCode(t, newWorld(t).Check(t.Context(), r), tt.code)
		wantCode(t, newWorld(t).Del(t.Context(), r), tt.code)
	}
}

func TestGC(t *testing.T) {
	before := map[string]string{
		"10.0.0.1": "c1\r\neth0", "10.0.0.2": "c1\r\nnet1", "10.0.0.3": "c2\r\neth0", "fd00::1": "c3", "10.0.0.4": "c4", "10.0.0.5": "",
		"last_reserved_ip.0": "10.0.0.4", "notes": "x", draftName: "c9\r\neth0",
	}
	tests := []struct {
		name  string
		valid []ipam.Attachment
		want  []string
	}{
		{"some", []ipam.Attachment{{ContainerID: "c1", IfName: "eth0"}, {ContainerID: "c3", IfName: "eth0"}},
			[]string{"10.0.0.1=c1/eth0", "fd00::1=c3", "last_reserved_ip.0=10.0.0.4", "notes=x"}},
		{"none", nil, []string{"last_reserved_ip.0=10.0.0.4", "notes=x"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			for name, content := range before {
				w.put(t, name, content)
			}
			if err := w.GC(t.Context(), &ipam.GCRequest{Config: []byte(`{"name":"net","ipam":{}}`), Valid: tt.valid}); err != nil {
				t.Fatal(err)
			}
			if got := w.files(t); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if _, err := os.Stat(filepath.Join(w.folder, lockName)); err != nil {
				t.Errorf("the lock is gone: %v", err)
			}
		})
	}
}

func TestGCOtherNetwork(t *testing.T) {
	w := newWorld(t)
	w.put(t, "10.0.0.1", "c1\r\neth0")
	if err := w.GC(t.Context(), &ipam.GCRequest{Config: []byte(`{"name":"other","ipam":{}}`)}); err != nil {
		t.Fatal(err)
	}
	if got := w.files(t); len(got) != 1 {
		t.Errorf("GC of another network left %q", got)
	}
}

func TestCheck(t *testing.T) {
	conf := `,"subnet":"10.1.2.0/24"`
	prev := func(ips string) string { return `,"prevResult":{"cniVersion":"1.1.0","ips":[` + ips + `]}` }
	tests := []struct {
		name   string
		before map[string]string
		more   string
		code   uint
	}{
		{"no folder", nil, "", types.ErrInternal},
		{"no lease", map[string]string{"10.1.2.2": "c2\r\neth0"}, "", types.ErrInternal},
		{"other interface", map[string]string{"10.1.2.2": "c1\r\nnet1"}, "", types.ErrInternal},
		{"lease", map[string]string{"10.1.2.2": "c1\r\neth0"}, "", 0},
		{"old lease", map[string]string{"10.1.2.2": "c1"}, prev(`{"address":"10.1.2.2/24"}`), 0},
		{"as reported", map[string]string{"10.1.2.2": "c1\r\neth0"}, prev(`{"address":"10.1.2.2/24"},{"address":"192.168.0.1/24"}`), 0},
		{"other than reported", map[string]string{"10.1.2.2": "c1\r\neth0"}, prev(`{"address":"10.1.2.3/24"}`), types.ErrInternal},
		{"reported is another's", map[string]string{"10.1.2.2": "c1\r\neth0", "10.1.2.3": "c2\r\neth0"}, prev(`{"address":"10.1.2.2/24"},{"address":"10.1.2.3/24"}`), types.ErrInternal},
		{"not reported", map[string]string{"10.1.2.2": "c1\r\neth0"}, prev(``), types.ErrInternal},
		{"broken prevResult", map[string]string{"10.1.2.2": "c1\r\neth0"}, `,"prevResult":{"ips":5}`, types.ErrDecodingFailure},
		{"older version", map[string]string{"10.1.2.2": "c1\r\neth0"}, `,"cniVersion":"0.4.0","prevResult":{"ips":[{"version":"4","address":"10.1.2.2/24"}]}`, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			for name, content := range tt.before {
				w.put(t, name, content)
			}
			wantCode(t, w.Check(t.Context(), &ipam.Request{ContainerID: "c1", IfName: "eth0", Config: netConf(conf, tt.more)}), tt.code)
		})
	}
}

func TestStatus(t *testing.T) {
	tests := []struct {
		name   string
		before map[string]string
		ipam   string
		code   uint
	}{
		{"no folder", nil, `,"subnet":"10.1.2.0/30"`, 0},
		{"one left", map[string]string{"10.1.2.2": "c1\r\neth0"}, `,"subnet":"10.1.2.0/29"`, 0},
		{"full", map[string]string{"10.1.2.2": "c1\r\neth0"}, `,"subnet":"10.1.2.0/30"`, ipam.ErrUnavailable},
		{"second set full", map[string]string{"10.1.2.2": "c1\r\neth0"}, `,"ranges":[[{"subnet":"fd00::/64"}],[{"subnet":"10.1.2.0/30"}]]`, ipam.ErrUnavailable},
		{"an empty lease is as good as free", map[string]string{"10.1.2.2": ""}, `,"subnet":"10.1.2.0/30"`, 0},
		{"broken", nil, `,"subnet":"x"`, types.ErrInvalidNetworkConfig},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			for name, content := range tt.before {
				w.put(t, name, content)
			}
			wantCode(t, w.Status(t.Context(), &ipam.StatusRequest{Config: netConf(tt.ipam, "")}), tt.code)
		})
	}
}

// TestIndex sees at once what others did to the folder between two calls.
func TestIndex(t *testing.T) {
	conf := netConf(`,"subnet":"10.1.2.0/29"`, "")
	w := newWorld(t)
	for i := range 3 {
		if _, err := w.add(t.Context(), fmt.Sprintf("c%d", i), conf, ""); err != nil {
			t.Fatal(err)
		}
	}
	if w.networks[strings.TrimPrefix(w.folder, w.options.Root)].index == nil {
		t.Fatal("the folder took no stamp: the index is never used")
	}
	w.put(t, "10.1.2.5", "c9\r\neth0")
	if got, err := w.add(t.Context(), "c3", conf, ""); err != nil || got != "10.1.2.6/29" {
		t.Errorf("got %s, %v; 10.1.2.5 is another's", got, err)
	}
	for _, name := range []string{"10.1.2.3", "10.1.2.5"} {
		if err := os.Remove(filepath.Join(w.folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := w.add(t.Context(), "c1", conf, ""); err != nil || got != "10.1.2.3/29" {
		t.Errorf("got %s, %v; 10.1.2.3 was freed", got, err)
	}
}

func TestRoot(t *testing.T) {
	w := newWorld(t)
	outside := t.TempDir()
	conf := netConf(`,"subnet":"10.1.2.0/29","dataDir":"/data/leases"`, "")
	tests := []struct{ name, link, lands string }{
		{"absolute link stays inside", "/elsewhere", "elsewhere/leases/net/10.1.2.2"},
		{"link that climbs stays inside", "../../../../elsewhere", "elsewhere/leases/net/10.1.2.3"},
	}
	if err := os.Mkdir(filepath.Join(w.options.Root, "elsewhere"), 0o755); err != nil {
		t.Fatal(err)
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			link := filepath.Join(w.options.Root, "data")
			os.Remove(link)
			if err := os.Symlink(tt.link, link); err != nil {
				t.Fatal(err)
			}
			if _, err := w.add(t.Context(), fmt.Sprint("c", i), conf, ""); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(filepath.Join(w.options.Root, tt.lands)); err != nil {
				t.Error(err)
			}
		})
	}
	if left, _ := os.ReadDir(outside); len(left) != 0 {
		t.Errorf("something landed outside: %v", left)
	}
}

// TestPlantedLinks refuses to write through links that stand in the folder.
func TestPlantedLinks(t *testing.T) {
	w := newWorld(t)
	victim := filepath.Join(t.TempDir(), "victim")
	if err := os.WriteFile(victim, []byte("untouched"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.put(t, "x", "")
	for _, name := range []string{draftName, "last_reserved_ip.0", "10.1.2.2"} {
		if err := os.Symlink(victim, filepath.Join(w.folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.add(t.Context(), "c1", netConf(`,"subnet":"10.1.2.0/29"`, ""), ""); err == nil {
		t.Error("ADD followed a link out of the folder")
	}
	if content, _ := os.ReadFile(victim); string(content) != "untouched" {
		t.Errorf("the file outside reads %q", content)
	}
}

func TestResolvConf(t *testing.T) {
	w := newWorld(t)
	if err := unix.Mkfifo(filepath.Join(w.options.Root, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, code := range map[string]uint{"/missing": types.ErrIOFailure, "/pipe": types.ErrInvalidNetworkConfig, "/": types.ErrInvalidNetworkConfig} {
		_, err := w.add(t.Context(), "c1", netConf(`,"subnet":"10.1.2.0/29","resolvConf":"`+path+`"`, ""), "")
		wantCode(t, err, code)
	}
	if got := w.files(t); got != nil {
		t.Errorf("left %q", got)
	}
}

// TestLockBusy gives up with code 11 when another process keeps the lock, and leaves it usable.
func TestLockBusy(t *testing.T) {
	w := newWorld(t)
	conf := netConf(`,"subnet":"10.1.2.0/29"`, "")
	w.put(t, lockName, "")
	lock, err := os.Open(filepath.Join(w.folder, lockName))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	fd := int(lock.Fd())
	if err := unix.Flock(fd, unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = w.add(ctx, "c1", conf, "")
	wantCode(t, err, types.ErrTryAgainLater)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v does not say that time ran out", err)
	}
	time.AfterFunc(20*time.Millisecond, func() { unix.Flock(fd, unix.LOCK_UN) })
	if got, err := w.add(t.Context(), "c1", conf, ""); err != nil || got != "10.1.2.2/29" {
		t.Errorf("after the lock was free: %s, %v", got, err)
	}
}

// TestConcurrent gives 50 containers 50 addresses through two drivers, as an agent and a second process would be.
func TestConcurrent(t *testing.T) {
	w := newWorld(t)
	drivers := []world{w, {New(w.options), w.folder}}
	conf := netConf(`,"ranges":[[{"subnet":"10.1.2.0/26"}],[{"subnet":"fd00::/64"}]]`, "")
	type outcome struct {
		addrs string
		err   error
	}
	outcomes := make(chan outcome)
	for i := range 50 {
		go func() {
			addrs, err := drivers[i%2].add(t.Context(), fmt.Sprint("c", i), conf, "")
			outcomes <- outcome{addrs, err}
		}()
	}
	seen := map[string]bool{}
	for range 50 {
		o := <-outcomes
		if o.err != nil {
			t.Error(o.err)
		}
		for addr := range strings.FieldsSeq(o.addrs) {
			if seen[addr] {
				t.Errorf("%s was given twice", addr)
			}
			seen[addr] = true
		}
	}
	if len(seen) != 100 {
		t.Errorf("%d addresses, want 100", len(seen))
	}
	for i := range 50 {
		go func() {
			outcomes <- outcome{"", drivers[(i+1)%2].Del(t.Context(), &ipam.Request{ContainerID: fmt.Sprint("c", i), IfName: "eth0", Config: conf})}
		}()
	}
	for range 50 {
		if o := <-outcomes; o.err != nil {
			t.Error(o.err)
		}
	}
	if got := w.files(t); len(got) != 2 {
		t.Errorf("left %q", got)
	}
}

func TestParseLease(t *testing.T) {
	tests := map[string]owner{
		"c1\r\neth0": {"c1", "eth0"}, " c1\r\neth0\n": {"c1", "eth0"}, "c1": {"c1", ""}, "c1\n": {"c1", ""}, "": {}, "\x00\x00": {}, "c1\neth0": {"c1\neth0", ""},
	}
	for content, want := range tests {
		if got := parseLease([]byte(content)); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %+v, want %+v", content, got, want)
		}
	}
}

// BenchmarkAddDel measures ADD and DEL in a folder that holds that many leases, with and without the index.
func BenchmarkAddDel(b *testing.B) {
	for _, leases := range []int{0, 100, 250, 5000} {
		for _, indexed := range []bool{true, false} {
			b.Run(fmt.Sprintf("leases=%d/index=%v", leases, indexed), func(b *testing.B) {
				root := b.TempDir()
				w := world{New(Options{Root: root}), filepath.Join(root, defaultDataDir, "net")}
				if err := os.MkdirAll(w.folder, 0o755); err != nil {
					b.Fatal(err)
				}
				addr := netip.MustParseAddr("10.1.0.2")
				for i := range leases {
					os.WriteFile(filepath.Join(w.folder, addr.String()), fmt.Appendf(nil, "%064d\r\neth0", i), 0o600)
					addr = addr.Next()
				}
				conf := netConf(`,"subnet":"10.1.0.0/16"`, "")
				// The first call reads the leases whether there is an index or not.
				if err := w.Check(b.Context(), &ipam.Request{ContainerID: fmt.Sprintf("%064d", 0), IfName: "eth0", Config: conf}); err != nil && leases > 0 {
					b.Fatal(err)
				}
				for b.Loop() {
					if !indexed {
						clear(w.networks)
					}
					if _, err := w.add(b.Context(), "c1", conf, ""); err != nil {
						b.Fatal(err)
					}
					if !indexed {
						clear(w.networks)
					}
					if err := w.Del(b.Context(), &ipam.Request{ContainerID: "c1", IfName: "eth0", Config: conf}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
