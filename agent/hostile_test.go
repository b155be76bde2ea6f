package agent

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/braid-cni/braid/kernel"
	"github.com/braid-cni/braid/wire"
)

// A trick is what somebody writes who wants more of the node than is theirs: the author of a pod, or of a NAD that pods
// of theirs use. Every pod has the NADs "plain", without capabilities, and "able", with all that are selected by pods;
// both are bridges with host-local.
type trick struct {
	name string
	// networks and first are the pod's annotations.
	networks, first string
	// nad is the configuration of NAD "bad". LEASES in it is the folder that NADs may name. A NAD that an author begins
	// from a good one is "+" and what is different.
	nad string
	// tenant says that the namespace is a tenant's, who may use bridges br-blue-* with host-local, in LEASES.
	tenant bool
	want   []string
}

// tried puts a trick to the agent: it is refused with its reason, neither the kernel nor the leases nor the records are
// touched by it, and all that people see of it can be shown.
func tried(t *testing.T, tricks []trick) {
	t.Helper()
	for _, trick := range tricks {
		t.Run(trick.name, func(t *testing.T) {
			t.Parallel()
			eachNode(t, func(t *testing.T, n *node) {
				n.play(t, trick)
				netns := n.world.Netns(t)
				before := n.state(t, netns)
				n.checkRefusal(t, netns, trick.want)
				if after := n.state(t, netns); after != before {
					t.Errorf("left behind:\n%s\nbefore:\n%s", after, before)
				}
			})
		})
	}
}

// play sets the scene of a trick.
func (n *node) play(t *testing.T, k trick) {
	t.Helper()
	stranger(t, n)
	const capabilities = `,"capabilities":{"ips":true,"mac":true,"portMappings":true,"bandwidth":true,"infinibandGUID":true,"deviceID":true}`
	n.nad(t, "plain", n.network("bra0", "10.10.0.0/24", ""))
	n.nad(t, "able", n.network("brb0", "10.11.0.0/24", capabilities))
	if k.tenant {
		n.apply(t, "namespace.yaml", "kind: Namespace\nmetadata: {name: default, labels: {braid.dev/tenant: \"\"}}\n")
	}
	if k.nad != "" {
		config := strings.ReplaceAll(k.nad, "LEASES", n.leases)
		if more, changed := strings.CutPrefix(config, "+"); changed {
			config = `{"cniVersion":"1.1.0","type":"bridge","bridge":"brx0",` + more + `}`
		}
		n.nad(t, "bad", config)
	}
	if k.networks == "" && k.first == "" {
		k.networks = "bad"
	}
	n.manifest(t, "pod-web.json", "Pod", map[string]any{"name": "web", "annotations": map[string]string{
		"k8s.v1.cni.cncf.io/networks": k.networks, "v1.multus-cni.io/default-network": k.first,
	}})
}

func (n *node) manifest(t *testing.T, file, kind string, metadata map[string]any) {
	t.Helper()
	raw, err := json.Marshal(map[string]any{"kind": kind, "metadata": metadata})
	if err != nil {
		t.Fatal(err)
	}
	n.apply(t, file, ascii(raw))
}

// ascii escapes what YAML would not take as it is.
func ascii(raw []byte) string {
	var b strings.Builder
	for _, c := range string(raw) {
		if c > '~' {
			fmt.Fprintf(&b, "\\u%04x", c)
		} else {
			b.WriteRune(c)
		}
	}
	return b.String()
}

// checkRefusal finds the reason in the answer and in the pod's event, which say the same.
func (n *node) checkRefusal(t *testing.T, netns string, want []string) {
	t.Helper()
	r := n.request("ADD", "c1", netns, "web")
	allow := fmt.Sprintf(`,"tenantsAllow":{"plugins":["bridge","host-local"],"bridges":["br-blue-*"],"paths":[%q]}}`, n.leases)
	r.Config = []byte(strings.TrimSuffix(string(r.Config), "}") + allow)
	answer := n.Handle(t.Context(), r)
	if !answer.Failed {
		t.Fatalf("the pod got %s", answer.Output)
	}
	checkError(t, answer.Output)
	var got wire.Error
	if err := json.Unmarshal(answer.Output, &got); err != nil {
		t.Fatal(err)
	}
	for _, w := range append(want, "pod default/web") {
		if !strings.Contains(got.Msg, w) {
			t.Errorf("%q lacks %q", got.Msg, w)
		}
	}
	if len(got.Msg) > maxMessage {
		t.Errorf("the reason has %d bytes", len(got.Msg))
	}
	all := n.events.take()
	if len(all) != 1 || !all[0].Warning || "braid: "+all[0].Message != got.Msg {
		t.Errorf("the pod's events are %+v", all)
	}
	for _, e := range all {
		checkPrintable(t, e.Message)
	}
	n.checkShown(t)
}

// maxMessage is how long a reason may get, in bytes, however much was written.
const maxMessage = 16 << 10

func TestTricksOfPods(t *testing.T) {
	element := func(rest string) string { return `[{"name":"able",` + rest + `}]` }
	plain := func(rest string) string { return `[{"name":"plain",` + rest + `}]` }
	tried(t, []trick{
		// What is not to be read at all.
		{name: "1 MB annotation", networks: strings.Repeat("plain,", 1<<20/6+1), want: []string{"has 1048578 bytes: at most 262144 are read"}},
		{name: "1 MB default network", first: strings.Repeat("p", 1<<20), want: []string{"default-network: has 1048576 bytes"}},
		{name: "1,000 networks", networks: strings.Repeat("plain,", 999) + "plain", want: []string{"selects 1000 networks: a pod can have at most 64"}},
		{name: "1,000 networks in JSON", networks: "[" + strings.Repeat(`{"name":"plain"},`, 999) + `{"name":"plain"}]`,
			want: []string{"selects 1000 networks: a pod can have at most 64"}},
		{name: "1,000 mistakes in one element", networks: element(`"ips":["` + strings.Repeat(`x","`, 255) + `x"]`), want: []string{"256 mistakes", "and 236 more"}},
		{name: "lists without end", networks: strings.Repeat("[", 20000), want: []string{"broken JSON"}},
		{name: "cni-args without bottom", networks: plain(`"cni-args":{"a":` + strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 40) + "}"),
			want: []string{"cni-args", "nested more than 32 deep"}},

		// Text for terminals and logs.
		{name: "ANSI escape", networks: "\x1bcplain", want: []string{`"\x1bcplain" is not a DNS-1123 label`}},
		{name: "ANSI escape that begins a list", networks: "\x1b[31mplain", want: []string{`broken JSON: invalid character '\x1b'`}},
		{name: "line for the log", networks: "plain\nlevel=ERROR msg=gotcha", want: []string{`"plain\nlevel=ERROR msg=gotcha"`}},
		{name: "C1 control sequence", networks: "plain\u009b31m", want: []string{`"plain\u009b31m"`}},
		{name: "text from right to left", networks: "\u202eplain", want: []string{`"\u202eplain"`}},
		{name: "letter of another alphabet", networks: "pl\u0430in", want: []string{`"plаin" is not a DNS-1123 label`}},
		{name: "key with an escape", networks: element("\"\\u001b[31m\":1"), want: []string{`unknown key "\x1b[31m"`}},
		{name: "zero byte", networks: "plain\x00", want: []string{`"plain\x00"`}},

		// Interfaces.
		{name: "interface that is a path", networks: "plain@../x", want: []string{`interface: "../x" cannot be an interface name`}},
		{name: "interface of the default network", networks: "plain@eth0", want: []string{`interface: "eth0" is the default network's`}},
		{name: "interface of 16 characters", networks: "plain@abcdefghijklmnop", want: []string{"longer than 15 bytes"}},
		{name: "lo", networks: "plain@lo", want: []string{`"lo" cannot be an interface name: it is reserved`}},
		{name: "all interfaces' sysctls", networks: "plain@all", want: []string{`"all" cannot be an interface name: it is reserved`}},
		{name: "interface with a line", networks: element(`"interface":"x\ny"`), want: []string{`"x\ny" cannot be an interface name`}},
		{name: "interface with an escape", networks: element(`"interface":"\u001b[2J"`), want: []string{`"\x1b[2J" cannot be an interface name`}},
		{name: "interface that looks like eth0", networks: "plain@\u0435th0", want: []string{`cannot be an interface name`, "no printable ASCII"}},
		{name: "interface that the kernel numbers", networks: "plain@x%d", want: []string{`"x%d" cannot be an interface name`}},
		{name: "interface with a slash", networks: "plain@x/y", want: []string{`"x/y" cannot be an interface name`}},

		// What belongs to others.
		{name: "NAD of another namespace", networks: "kube-system/secret", want: []string{"namespace isolation", `"kube-system"`}},
		{name: "NAD of another namespace by key", networks: `[{"name":"secret","namespace":"kube-system"}]`, want: []string{"namespace isolation"}},
		{name: "namespace that is a path", networks: "../kube-system/secret", want: []string{`name: "kube-system/secret" is not a DNS-1123 label`}},
		{name: "default network of another namespace", first: "kube-system/secret", want: []string{"default-network", "namespace isolation"}},
		{name: "two default networks", first: "plain,able", want: []string{"default-network: has 2 elements"}},
		{name: "ips without the capability", networks: plain(`"ips":["10.10.0.9"]`), want: []string{`no plugin of network default/plain declares the capability "ips"`}},
		{name: "mac without the capability", networks: plain(`"mac":"02:00:00:00:00:01"`), want: []string{`declares the capability "mac"`}},
		{name: "portMappings without the capability", networks: plain(`"portMappings":[{"hostPort":22,"containerPort":22}]`), want: []string{`declares the capability "portMappings"`}},
		{name: "deviceID without the capability", networks: plain(`"deviceID":"0000:03:00.1"`), want: []string{`declares the capability "deviceID"`}},
		{name: "bandwidth without the capability", networks: plain(`"bandwidth":{"egressRate":1}`), want: []string{`declares the capability "bandwidth"`}},
		{name: "ips in cni-args", networks: plain(`"cni-args":{"ips":["10.10.0.9"]}`), want: []string{`cni-args: "ips": no plugin`}},
		{name: "ips in cni-args in capitals", networks: plain(`"cni-args":{"IPs":["10.10.0.9"]}`), want: []string{`cni-args: "IPs": no plugin`}},
		{name: "mac in cni-args", networks: plain(`"cni-args":{"mac":"02:00:00:00:00:01"}`), want: []string{`cni-args: "mac": no plugin`}},
		{name: "deviceID in cni-args", networks: plain(`"cni-args":{"deviceID":"0000:03:00.1"}`), want: []string{`cni-args: "deviceID": no plugin`}},
		{name: "path in cni-args", networks: element(`"cni-args":{"dataDir":"/etc"}`), want: []string{`cni-args: dataDir: "/etc" is not beneath`}},
		{name: "path in cni-args in another spelling", networks: element(`"cni-args":{"RESOLVCONF":"/etc/shadow"}`), want: []string{`cni-args: key "RESOLVCONF" must be written "resolvConf"`}},
		{name: "path deep in cni-args", networks: element(`"cni-args":{"x":[{"kernelpath":"/sys/../etc"}]}`), want: []string{`kernelpath: "/sys/../etc" is not a clean absolute path`}},

		// Values that are none.
		{name: "group MAC", networks: element(`"mac":"01:00:5e:00:00:01"`), want: []string{`"01:00:5e:00:00:01" is a group address or zero`}},
		{name: "zero MAC", networks: element(`"mac":"00:00:00:00:00:00"`), want: []string{"is a group address or zero"}},
		{name: "broadcast MAC", networks: element(`"mac":"ff:ff:ff:ff:ff:ff"`), want: []string{"is a group address or zero"}},
		{name: "device that is a path", networks: element(`"deviceID":"../../../etc/passwd"`), want: []string{`"../../../etc/passwd" is not a device`}},
		{name: "address with a zone", networks: element(`"ips":["fe80::1%eth0"]`), want: []string{"leave out the zone"}},
		{name: "address with a command", networks: element(`"ips":["10.11.0.9; reboot"]`), want: []string{`"10.11.0.9; reboot" is not an IPv4`}},
		{name: "group address", networks: element(`"ips":["224.0.0.1"]`), want: []string{"no interface can have it"}},
		{name: "gateway with a line", networks: element(`"default-route":["10.11.0.1\n"]`), want: []string{`"10.11.0.1\n" is not the address of a gateway`}},
		{name: "host port of nowhere", networks: element(`"portMappings":[{"hostPort":-1,"containerPort":70000,"hostIP":"x"}]`),
			want: []string{"hostPort: -1", "containerPort: 70000", `hostIP: "x"`}},
		{name: "GUID", networks: element(`"infiniband-guid":"../x"`), want: []string{`"../x" is not a GUID`}},
		{name: "claim that is a path", networks: element(`"ipam-claim-reference":"../x"`), want: []string{`ipam-claim-reference: "../x"`}},
		{name: "key twice", networks: `[{"name":"plain","name":"able"}]`, want: []string{`key "name" is written twice`}},
		{name: "key twice in cni-args", networks: element(`"cni-args":{"x":{"a":1,"a":2}}`), want: []string{`key "a" is written twice`}},
		{name: "key in capitals", networks: element(`"IPs":["10.11.0.9"]`), want: []string{`unknown key "IPs": did you mean "ips"?`}},
	})
}

func TestTricksOfNetworks(t *testing.T) {
	tried(t, []trick{
		// Programs.
		{name: "type that is a path", nad: `{"cniVersion":"1.1.0","type":"../../bin/sh"}`, want: []string{`type "../../bin/sh" is not the plain file name of a plugin`}},
		{name: "type that is an absolute path", nad: `{"cniVersion":"1.1.0","type":"/bin/sh"}`, want: []string{`type "/bin/sh"`}},
		{name: "type with a line", nad: `{"cniVersion":"1.1.0","type":"bridge\n"}`, want: []string{`"bridge\n"`}},
		{name: "type that is there and no plugin", nad: `{"cniVersion":"1.1.0","type":"sh"}`, want: []string{`find plugin "sh" in CNI_PATH`}},
		{name: "Braid itself", nad: `{"cniVersion":"1.1.0","type":"braid"}`, want: []string{`type "braid" is a meta plugin`}},
		{name: "Multus", nad: `{"cniVersion":"1.1.0","type":"multus"}`, want: []string{`type "multus" is a meta plugin`}},
		{name: "Multus's shim", nad: `{"cniVersion":"1.1.0","plugins":[{"type":"bridge"},{"type":"multus-shim"}]}`, want: []string{`type "multus-shim" is a meta plugin`}},
		{name: "path later in the chain", nad: `{"cniVersion":"1.1.0","plugins":[{"type":"bridge"},{"type":"../x"}]}`, want: []string{`plugin 2: type "../x"`}},
		{name: "IPAM that is a path", nad: `+"ipam":{"type":"../../x"}`, want: []string{`ipam: type "../../x"`}},
		{name: "delegate that is a path", nad: `+"delegate":{"type":"../../x"}`, want: []string{`delegate: type "../../x"`}},
		{name: "delegate that is Braid", nad: `+"delegate":{"type":"braid"}`, want: []string{`delegate: type "braid" is a meta plugin`}},
		{name: "delegate in a delegate", nad: `+"delegate":{"type":"bridge","delegate":{"type":"multus"}}`, want: []string{`type "multus" is a meta plugin`}},

		// Paths.
		{name: "leases in /etc", nad: `+"ipam":{"type":"host-local","dataDir":"/etc","subnet":"10.12.0.0/24"}`, want: []string{`dataDir: "/etc" is not beneath`}},
		{name: "leases beside what is allowed", nad: `+"ipam":{"type":"host-local","dataDir":"LEASES-not","subnet":"10.12.0.0/24"}`, want: []string{`is not beneath`}},
		{name: "leases by way of ..", nad: `+"ipam":{"type":"host-local","dataDir":"LEASES/../x","subnet":"10.12.0.0/24"}`, want: []string{`is not a clean absolute path`}},
		{name: "path in another spelling", nad: `+"ipam":{"type":"host-local","DataDir":"/etc","subnet":"10.12.0.0/24"}`, want: []string{`key "DataDir" must be written "dataDir"`}},
		{name: "path in a list", nad: `+"ipam":{"type":"host-local","dataDir":["/etc"],"subnet":"10.12.0.0/24"}`, want: []string{"dataDir: is not a string"}},
		{name: "path far inside", nad: `+"delegate":{"type":"bridge","ipam":{"x":[{"resolvConf":"/etc/shadow"}]}}`, want: []string{`resolvConf: "/etc/shadow" is not beneath`}},
		{name: "kernelpath", nad: `+"kernelpath":"/proc/1/root"`, want: []string{`kernelpath: "/proc/1/root" is not beneath`}},
		{name: "path in runtimeConfig", nad: `+"runtimeConfig":{"CNIDeviceInfoFile":"/etc/passwd"}`, want: []string{`CNIDeviceInfoFile: "/etc/passwd" is not beneath`}},
		{name: "network name that is a path", nad: `+"name":"../../etc"`, want: []string{`name "../../etc" cannot be a file name`}},
		{name: "network name without end", nad: `+"name":"` + strings.Repeat("n", 300) + `"`, want: []string{"at most 174 bytes"}},

		// Links of the host.
		{name: "bridge of 16 characters", nad: `{"cniVersion":"1.1.0","type":"bridge","bridge":"abcdefghijklmnop"}`, want: []string{`bridge "abcdefghijklmnop" must be a link name`}},
		{name: "bridge with a slash", nad: `{"cniVersion":"1.1.0","type":"bridge","bridge":"a/b"}`, want: []string{`bridge "a/b" must be a link name`}},
		{name: "bridge that is a folder", nad: `{"cniVersion":"1.1.0","type":"bridge","bridge":".."}`, want: []string{`bridge ".." must be a link name`}},
		{name: "bridge of all sysctls", nad: `{"cniVersion":"1.1.0","type":"bridge","bridge":"all"}`, want: []string{`bridge "all" must be a link name`}},
		{name: "bridge of later links' sysctls", nad: `{"cniVersion":"1.1.0","type":"bridge","bridge":"default"}`, want: []string{`bridge "default" must be a link name`}},
		{name: "bridge of another alphabet", nad: `{"cniVersion":"1.1.0","type":"bridge","bridge":"br\u0430id0"}`, want: []string{`must be a link name`}},
		{name: "bridge that is a pod's link", nad: `{"cniVersion":"1.1.0","type":"bridge","bridge":"braid0123456789"}`, want: []string{"is a name of pods' links"}},
		{name: "bridge that is another link", nad: `{"cniVersion":"1.1.0","type":"bridge","bridge":"veth-x"}`, want: []string{`bridge "veth-x" is a link of another kind`}},
		{name: "bridge that is lo", nad: `{"cniVersion":"1.1.0","type":"bridge","bridge":"lo"}`, want: []string{`bridge "lo" is a link of another kind`}},

		// Text that plugins and network-status repeat.
		{name: "bridge with an escape", nad: `{"cniVersion":"1.1.0","type":"bridge","bridge":"\u001b[31m"}`, want: []string{`"\x1b[31m" has characters that cannot be printed`}},
		{name: "nameserver with an escape", nad: `+"dns":{"nameservers":["\u001b]0;gotcha\u0007"]}`, want: []string{`"\x1b]0;gotcha\a" has characters that cannot be printed`}},
		{name: "search domain with a line", nad: `+"dns":{"search":["a\nnameserver 192.0.2.1"]}`, want: []string{`"a\nnameserver 192.0.2.1" has characters that cannot be printed`}},
		{name: "key from right to left", nad: `+"\u202ex":1`, want: []string{`"\u202ex" has characters that cannot be printed`}},
		{name: "version with an escape", nad: `{"cniVersion":"\u001b[31m","type":"bridge"}`, want: []string{`"\x1b[31m" has characters that cannot be printed`}},

		// What two programs would read differently, or none.
		{name: "type twice", nad: `{"cniVersion":"1.1.0","type":"absent","type":"bridge"}`, want: []string{`key "type" is written twice`}},
		{name: "key twice further inside", nad: `+"ipam":{"type":"host-local","subnet":"10.12.0.0/24","subnet":"10.1.0.0/24"}`, want: []string{`key "subnet" is written twice`}},
		{name: "type in capitals", nad: `+"TYPE":"absent"`, want: []string{`key "TYPE" must be written "type"`}},
		{name: "null", nad: "null", want: []string{"want an object, have"}},
		{name: "list", nad: "[]", want: []string{"want an object, have"}},
		{name: "byte order mark", nad: "\ufeff{}", want: []string{"broken JSON"}},
		{name: "version that does not exist", nad: `{"cniVersion":"9.9.9","type":"bridge"}`, want: []string{`cniVersion "9.9.9" is not supported`}},
		{name: "version that is none", nad: `{"cniVersion":"x.1.0","type":"bridge"}`, want: []string{`cniVersion "x.1.0" is not supported`}},
		{name: "versions that do not exist", nad: `{"cniVersions":["9.9.9"],"plugins":[{"type":"bridge"}]}`, want: []string{"cniVersion"}},
		{name: "text for a number", nad: `+"mtu":"big"`, want: []string{"mtu"}},
		{name: "text for an object", nad: `+"ipam":"host-local"`, want: []string{"ipam"}},
		{name: "number for a text", nad: `{"cniVersion":"1.1.0","type":"bridge","bridge":7}`, want: []string{"bridge"}},
		{name: "text for the leases", nad: `+"ipam":{"type":"host-local","dataDir":"LEASES","ranges":"all"}`, want: []string{"ranges"}},
		{name: "number for an address", nad: `+"ipam":{"type":"static","addresses":[7]}`, want: []string{"addresses"}},
		{name: "no plugins", nad: `{"cniVersion":"1.1.0","plugins":[]}`, want: []string{"the list is empty"}},
		{name: "1 MB configuration", nad: `+"x":"` + strings.Repeat("x", 1<<20) + `"`, want: []string{"spec.config: has 10", "bytes: at most 65536 are read"}},
		{name: "configuration without bottom", nad: `+"x":` + strings.Repeat("[", 40) + strings.Repeat("]", 40), want: []string{"nested more than 32 deep"}},
		{name: "lists without end", nad: strings.Repeat("[", 20000), want: []string{"broken JSON"}},
	})
}

// What a tenant's NAD may name is listed; the bridges of the cluster network and of other networks are not.
func TestTricksOfTenants(t *testing.T) {
	bridge := func(name string) string {
		return fmt.Sprintf(`{"cniVersion":"1.1.0","type":"bridge","bridge":%q,"ipam":{"type":"host-local","dataDir":"LEASES","subnet":"10.12.0.0/24"}}`, name)
	}
	tricks := []trick{
		{name: "bridge of the cluster network", nad: bridge("brd0"), want: []string{`bridge: tenants may use ["br-blue-*"] only, not "brd0"`}},
		{name: "Braid's own bridge", nad: bridge("braid0"), want: []string{`not "braid0"`}},
		{name: "bridge of another network", nad: bridge("bra0"), want: []string{`not "bra0"`}},
		{name: "bridge that nobody named", nad: `{"cniVersion":"1.1.0","type":"bridge"}`, want: []string{"bridge: is not set and means cni0"}},
		{name: "bridge in another spelling", nad: `{"cniVersion":"1.1.0","type":"bridge","bridge":"br-blue-1","Bridge":"brd0"}`, want: []string{`key "Bridge" must be written "bridge"`}},
		{name: "bridge for a delegate", nad: `{"cniVersion":"1.1.0","type":"bridge","bridge":"br-blue-1","delegate":{"bridge":"brd0"}}`, want: []string{`not "brd0"`}},
		{name: "master", nad: `{"cniVersion":"1.1.0","type":"macvlan","master":"eth0"}`, want: []string{`type "macvlan": tenants may use plugins`, `master: tenants may use [] only, not "eth0"`}},
		{name: "device", nad: `{"cniVersion":"1.1.0","type":"host-device","device":"eth0"}`, want: []string{`device: tenants may use [] only, not "eth0"`}},
		{name: "device by its MAC", nad: `{"cniVersion":"1.1.0","type":"host-device","hwaddr":"02:00:00:00:00:01"}`, want: []string{"hwaddr: tenants may use"}},
		{name: "device by its PCI address", nad: `{"cniVersion":"1.1.0","type":"host-device","pciBusID":"0000:03:00.1"}`, want: []string{"pciBusID: tenants may use"}},
		{name: "device in runtimeConfig", nad: `{"cniVersion":"1.1.0","type":"bridge","bridge":"br-blue-1","runtimeConfig":{"deviceID":"0000:03:00.1"}}`, want: []string{"deviceID: tenants may use"}},
		{name: "plugin that runs as root", nad: `{"cniVersion":"1.1.0","plugins":[{"type":"bridge","bridge":"br-blue-1"},{"type":"tuning"}]}`, want: []string{`type "tuning": tenants may use plugins`}},
		{name: "path", nad: `{"cniVersion":"1.1.0","type":"bridge","bridge":"br-blue-1","ipam":{"type":"host-local","dataDir":"/var/lib/cni","subnet":"10.12.0.0/24"}}`, want: []string{`dataDir: "/var/lib/cni" is not beneath`}},
		{name: "the administrator's file", nad: " ", want: []string{"spec.config: is empty"}},
	}
	for i := range tricks {
		tricks[i].tenant = true
	}
	tried(t, tricks)
}

// A pod that may choose its address gets none that is another pod's, nor one that no pod can have.
func TestAddressesOfOthersAreRefused(t *testing.T) {
	eachNode(t, func(t *testing.T, n *node) {
		victim, netns := n.world.Netns(t), n.world.Netns(t)
		n.play(t, trick{networks: `[{"name":"able","ips":["10.11.0.7"]}]`})
		n.mustCall(t, "ADD", "victim", victim, "web")
		for ip, want := range map[string]string{
			"10.11.0.7":   "10.11.0.7",
			"10.11.0.1":   "is the gateway of a range",
			"10.11.0.0":   "lies in no range of the network",
			"10.11.0.255": "lies in no range of the network",
			"10.1.0.2":    "lies in no range of the network", // the victim's on the cluster network
		} {
			n.pod(t, "web", fmt.Sprintf(`[{"name":"able","ips":[%q]}]`, ip))
			before := n.state(t, victim, netns)
			n.events.take()
			n.checkRefusal(t, netns, []string{want})
			if after := n.state(t, victim, netns); after != before {
				t.Errorf("%s: left behind:\n%s\nbefore:\n%s", ip, after, before)
			}
		}
	})
}

// A link's alias is for people: it is made of names that are checked, and of the pod's, which without a cluster nobody
// has checked.
func TestAliasIsPrintable(t *testing.T) {
	const name = "web\x1b[31m\nfake"
	eachNode(t, func(t *testing.T, n *node) {
		n.manifest(t, "pod-web.json", "Pod", map[string]any{"name": name})
		netns := n.world.Netns(t)
		n.mustCall(t, "ADD", "c1", netns, name)
		host, err := n.Kernel.Host()
		if err != nil {
			t.Fatal(err)
		}
		defer host.Close()
		link, err := host.Link(kernel.LinkName("c1", "eth0"))
		if err != nil {
			t.Fatal(err)
		}
		if want := "default/web[31mfake eth0 braid"; link.Alias != want {
			t.Errorf("alias %q, want %q", link.Alias, want)
		}
		n.checkShown(t)
		n.mustCall(t, "DEL", "c1", netns, name)
	})
}
