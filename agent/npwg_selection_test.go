package agent

import (
	"strings"
	"testing"
)

const stricter = "the pod fails with every mistake listed: an annotation that is ignored hides errors"

// selectionClauses are about the annotation that selects networks, and what its elements ask of the interface (section 4.1).
func selectionClauses() []clause {
	return []clause{
		{9, "4.1", "The annotation is `k8s.v1.cni.cncf.io/networks`, in two forms: with commas, and JSON", conforms, "", each(proveBothForms)},
		{10, "4.1.1", "With commas: `name` of the pod's namespace, or `namespace/name`", conforms, "`@interface` may follow, as in Multus", each(proveCommas)},
		{11, "4.1.2.1", "Keys without a dot are the standard's; others have reverse-DNS names", differs,
			"Multus's `deviceID` and `interfaceRequest` are read too, since pods have them. Any other unknown key without a dot fails the pod", each(proveKeys)},
		{12, "4.1.2.1.1", "`name` is required, a string", conforms, "", each(proveNameRequired)},
		{13, "4.1.2.1.2", "`namespace` is optional; empty means the pod's", conforms, "", each(proveNamespace)},
		{14, "4.1.2.1.3", "`ips` has at least one address, each IPv4 or IPv6 with or without prefix length; otherwise the annotation is invalid and ignored",
			differs, stricter, each(proveBadIPs)},
		{15, "4.1.2.1.3", "The plugin must assign the addresses asked for, or fail", conforms, "the built-in bridge with host-local or static; another plugin's duty otherwise", each(proveIPsAssigned)},
		{16, "4.1.2.1.3.2", "`ips` is handed to plugins in `runtimeConfig`", conforms, "to those that declare the capability (CNI conventions)", each(proveIPsHandedOver)},
		{17, "4.1.2.1.3.2", "One plugin at least must declare the capability `ips`, else the attachment fails", conforms, "`lenientCapabilities` turns the check off, for Multus's configuration", each(proveIPsCapability)},
		{18, "4.1.2.1.4", "`mac` is a MAC address of 6 bytes; otherwise the annotation is invalid and ignored", differs, stricter, each(proveBadMAC)},
		{19, "4.1.2.1.4.2", "`mac` is handed over in `runtimeConfig`, after a check of the capability", conforms, "", each(proveMACHandedOver)},
		{20, "4.1.2.1.5", "`interface` is a Linux interface name, and is used; otherwise the annotation is invalid and ignored", differs, stricter, each(proveInterface)},
		{21, "4.1.2.1.5", "An interface name that an attachment before has fails this one", conforms, "found before anything is attached", each(proveInterfaceTaken)},
		{22, "4.1.2.1.5.1", "The name is CNI_IFNAME", conforms, "", each(proveIfName)},
		{23, "4.1.2.1.6", "Who delegates implements `cni-args`", conforms, "they stand for no capability that the network lacks, and name no path outside `paths.allow`", each(proveCNIArgs)},
		{24, "4.1.2.1.6.2", "`cni-args` of the pod join `args` of the network and win over them", conforms, "in `args.cni` of every plugin of the chain", each(proveCNIArgsMerged)},
	}
}

// nets makes bridges neta, netb... with 10.10.0.0/24, 10.11.0.0/24...
func (p *trial) nets(t *testing.T, names ...string) {
	t.Helper()
	for i, name := range names {
		digit := string(rune('0' + i))
		p.nad(t, name, p.bridge("br"+name, `"capabilities":{"ips":true,"mac":true}`, "10.1"+digit+".0.0/24", "fd00:1"+digit+"::/64"))
	}
}

func net1() []string { return []string{"net1 10.10.0.2/24", "net1 fd00:10::2/64"} }
func net2() []string { return []string{"net2 10.11.0.2/24", "net2 fd00:11::2/64"} }

func proveBothForms(t *testing.T, p *trial) {
	p.nets(t, "neta", "netb")
	for _, networks := range []string{"neta,netb", " neta , netb\n", `[{"name":"neta"},{"name":"netb"}]`, ` [ {"name": "neta"}, {"name": "netb"} ] `} {
		p.add(t, networks)
		p.wantNets(t, append(net1(), net2()...)...)
		p.del(t)
	}
	for _, networks := range []string{`[{"name":"neta"}`, `{"name":"neta"}`, "neta netb", "neta,,netb"} {
		p.refuses(t, networks, "annotation k8s.v1.cni.cncf.io/networks")
	}
}

func proveCommas(t *testing.T, p *trial) {
	p.nets(t, "neta")
	p.nadOf(t, "other", "neta", "{config: '"+p.bridge("bro0", "", "10.11.0.0/24", "fd00:11::/64")+"'}")
	p.config["globalNamespaces"] = []string{"other"}
	p.add(t, "neta,other/neta")
	p.wantNets(t, append(net1(), net2()...)...)
}

func proveKeys(t *testing.T, p *trial) {
	p.nets(t, "neta")
	p.refuses(t, `[{"name":"neta","colour":"red"}]`, `unknown key "colour"`)
	p.refuses(t, `[{"name":"neta","Mac":"02:00:00:00:00:01"}]`, `unknown key "Mac"`)
	p.add(t, `[{"name":"neta","org.example.colour":"red","interfaceRequest":"x0"}]`)
	p.wantNets(t, "x0 10.10.0.2/24", "x0 fd00:10::2/64")
	p.del(t)
	p.withDouble(t, []string{"dev"}, "deviceID")
	p.add(t, `[{"name":"dev","deviceID":"0000:03:00.1"}]`)
	p.wantConfig(t, "net1", "runtimeConfig.deviceID", `"0000:03:00.1"`)
}

func proveNameRequired(t *testing.T, p *trial) {
	p.refuses(t, `[{"namespace":"default"}]`, "has no name")
	p.refuses(t, `[{"name":null}]`, "has no name")
	p.refuses(t, `[{"name":""}]`, "name: ")
	p.refuses(t, `[{"name":7}]`, "name: want a string")
}

func proveNamespace(t *testing.T, p *trial) {
	p.nets(t, "neta")
	p.nadOf(t, "other", "neta", "{config: '"+p.bridge("bro0", "", "10.11.0.0/24", "fd00:11::/64")+"'}")
	p.config["namespaceIsolation"] = false
	for _, networks := range []string{`[{"name":"neta"}]`, `[{"name":"neta","namespace":""}]`, `[{"name":"neta","namespace":"default"}]`} {
		p.add(t, networks)
		p.wantNets(t, net1()...)
		p.del(t)
	}
	p.add(t, `[{"name":"neta","namespace":"other"}]`)
	p.wantNets(t, "net1 10.11.0.2/24", "net1 fd00:11::2/64")
}

func proveBadIPs(t *testing.T, p *trial) {
	p.nets(t, "neta")
	p.refuses(t, `[{"name":"neta","ips":[]}]`, "ips: is empty")
	p.refuses(t, `[{"name":"neta","ips":"10.10.0.9"}]`, "ips: want a list")
	for _, bad := range []string{"10.10.0.256", "10.10.0.9/33", "fd00:10::9/129", "10.10.0", "net1", ""} {
		p.refuses(t, `[{"name":"neta","ips":["10.10.0.9","`+bad+`"]}]`, "is not an IPv4 or IPv6 address")
	}
	p.refuses(t, `[{"name":"neta","ips":["x"],"mac":"y"},{"name":"neta","interface":"/"}]`, "ips: 1:", "mac:", "interface:")
	p.add(t, `[{"name":"neta","ips":["10.10.0.9/24","fd00:10::9"]}]`)
	p.wantNets(t, "net1 10.10.0.9/24", "net1 fd00:10::9/64")
}

func proveIPsAssigned(t *testing.T, p *trial) {
	p.nets(t, "neta")
	p.nad(t, "fixed", `{"cniVersion":"1.1.0","type":"bridge","bridge":"brf0","capabilities":{"ips":true},"ipam":{"type":"static"}}`)
	p.add(t, `[{"name":"neta","ips":["10.10.0.7","fd00:10::7"]},{"name":"fixed","ips":["10.20.0.7/16","fd00:20::7/64"]}]`)
	p.wantNets(t, "net1 10.10.0.7/24", "net1 fd00:10::7/64", "net2 10.20.0.7/16", "net2 fd00:20::7/64")
	p.del(t)
	p.refuses(t, `[{"name":"neta","ips":["10.99.0.7"]}]`, "10.99.0.7")
	p.refuses(t, `[{"name":"fixed","ips":["10.20.0.7"]}]`, "10.20.0.7")
}

func proveIPsHandedOver(t *testing.T, p *trial) {
	p.withDouble(t, []string{"able", "plain"}, "ips")
	p.doubles(t, "second")
	p.nad(t, "chain", `{"cniVersion":"1.1.0","plugins":[{"type":"second"},{"type":"able","capabilities":{"ips":true}}]}`)
	p.add(t, `[{"name":"able","ips":["10.10.0.9/24","fd00::9"]},{"name":"plain"},{"name":"chain","ips":["10.10.0.9"]}]`)
	p.wantConfig(t, "net1", "runtimeConfig.ips", `["10.10.0.9/24","fd00::9"]`)
	p.wantConfig(t, "net2", "runtimeConfig", "")
	for _, c := range p.calls(t)[2:] {
		wantPart(t, c, "runtimeConfig.ips", map[string]string{"second": "", "able": `["10.10.0.9"]`}[c.Type])
	}
}

func proveIPsCapability(t *testing.T, p *trial) {
	p.provesCapability(t, "ips", `"ips":["10.10.0.9"]`)
}

// provesCapability: what asks for a capability works with one plugin of the chain that declares it, and fails without.
func (p *trial) provesCapability(t *testing.T, capability, asks string) {
	t.Helper()
	p.doubles(t, "first", "second")
	chain := `{"cniVersion":"1.1.0","plugins":[{"type":"first","capabilities":{"other":true}},{"type":"second","capabilities":{"` + capability + `":%}}]}`
	p.nad(t, "with", strings.Replace(chain, "%", "true", 1))
	p.nad(t, "without", strings.Replace(chain, "%", "false", 1))
	p.refuses(t, `[{"name":"with"},{"name":"without",`+asks+`}]`, capability+": no plugin of network default/without declares the capability")
	p.add(t, `[{"name":"with",`+asks+`}]`)
	for _, c := range p.calls(t) {
		if _, got := c.Config["runtimeConfig"]; got != (c.Type == "second") {
			t.Errorf("%s got runtimeConfig: %v", c.Type, got)
		}
	}
}

func proveBadMAC(t *testing.T, p *trial) {
	p.nets(t, "neta")
	for _, bad := range []string{"02:00:00:00:00", "02:00:00:00:00:00:00:01", "02:" + strings.Repeat("00:", 18) + "01", "net1", ""} {
		p.refuses(t, `[{"name":"neta","mac":"`+bad+`"}]`, "is not a MAC address of 6 bytes")
	}
	p.refuses(t, `[{"name":"neta","mac":"01:00:5e:00:00:01"}]`, "is a group address")
	p.refuses(t, `[{"name":"neta","mac":5}]`, "mac: want a string")
	p.add(t, `[{"name":"neta","mac":"02:23:45:67:89:AB"}]`)
	p.wantMAC(t, "net1", "02:23:45:67:89:ab")
}

func proveMACHandedOver(t *testing.T, p *trial) {
	p.withDouble(t, []string{"able"}, "mac")
	p.add(t, `[{"name":"able","mac":"02-23-45-67-89-01"}]`)
	p.wantConfig(t, "net1", "runtimeConfig", `{"mac":"02:23:45:67:89:01"}`)
	p.del(t)
	p.wantCalls(t, "ADD able net1", "DEL able net1")
	p.provesCapability(t, "mac", `"mac":"02:23:45:67:89:01"`)
}

func proveInterface(t *testing.T, p *trial) {
	p.nets(t, "neta", "netb")
	p.add(t, `[{"name":"neta","interface":"abcdefghijklmno"},{"name":"netb"}]`)
	p.wantNets(t, append(net2(), "abcdefghijklmno 10.10.0.2/24", "abcdefghijklmno fd00:10::2/64")...)
	p.del(t)
	for _, bad := range []string{"", ".", "..", "lo", "a/b", "a b", "abcdefghijklmnop", `a\nb`, "a:b", "all"} {
		p.refuses(t, `[{"name":"neta","interface":"`+bad+`"}]`, "cannot be an interface name")
	}
}

func proveInterfaceTaken(t *testing.T, p *trial) {
	p.nets(t, "neta", "netb")
	p.refuses(t, `[{"name":"neta","interface":"x0"},{"name":"netb","interface":"x0"}]`, `interface "x0" is asked for by two elements`)
	p.refuses(t, "neta@eth0", `"eth0" is the default network's`)
	p.add(t, "neta@net2,netb") // a name that would have been made for another one
	p.wantNets(t, "net2 10.10.0.2/24", "net2 fd00:10::2/64", "net3 10.11.0.2/24", "net3 fd00:11::2/64")
}

func proveIfName(t *testing.T, p *trial) {
	p.withDouble(t, []string{"a", "b"})
	p.add(t, `[{"name":"a","interface":"x0"},{"name":"b"}]`)
	p.must(t, "CHECK")
	p.del(t)
	p.wantCalls(t, "ADD a x0", "ADD b net2", "CHECK a x0", "CHECK b net2", "DEL b net2", "DEL a x0")
}

func proveCNIArgs(t *testing.T, p *trial) {
	p.nets(t, "neta")
	p.add(t, `[{"name":"neta","cni-args":{"mac":"02:23:45:67:89:02","ips":["10.10.0.8","fd00:10::8"]}}]`)
	p.wantMAC(t, "net1", "02:23:45:67:89:02")
	p.wantNets(t, "net1 10.10.0.8/24", "net1 fd00:10::8/64")
	p.del(t)
	p.withDouble(t, []string{"double"})
	p.refuses(t, `[{"name":"double","cni-args":[]}]`, "cni-args: want an object")
	p.refuses(t, `[{"name":"double","cni-args":{"mac":"02:23:45:67:89:02"}}]`, `declares the capability "mac"`)
	p.refuses(t, `[{"name":"double","cni-args":{"deep":{"dataDir":"/etc"}}}]`, `"/etc" is not beneath`)
}

func proveCNIArgsMerged(t *testing.T, p *trial) {
	p.doubles(t, "first", "second")
	p.nad(t, "chain", `{"cniVersion":"1.1.0","plugins":[{"type":"first","args":{"cni":{"a":1,"b":{"x":2}},"org.example":3}},{"type":"second"}]}`)
	p.add(t, `[{"name":"chain","cni-args":{"b":"pod","n":1234567890123}}]`)
	for _, c := range p.calls(t) {
		wantPart(t, c, "args", map[string]string{
			"first":  `{"cni":{"a":1,"b":"pod","n":1234567890123},"org.example":3}`,
			"second": `{"cni":{"b":"pod","n":1234567890123}}`,
		}[c.Type])
	}
}
