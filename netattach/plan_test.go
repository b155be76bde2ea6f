package netattach

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	netv1 "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
)

// A scene is an Input in few words: keys of nads are "ns/name", of disk paths, whose file is below the last folder
// that is a key of folders.
type scene struct {
	config    string // of type braid, without name and type; "multus:" before it for type multus
	namespace string // of the pod; "" for ns, "-" for no pod
	networks  string
	first     string // the default-network annotation
	nads      map[string]string
	files     map[string]string
	resource  string // resourceName of every NAD
	args      string
}

func (s scene) input(t testing.TB) Input {
	t.Helper()
	typ, config := TypeBraid, s.config
	if rest, multus := strings.CutPrefix(config, "multus:"); multus {
		typ, config = TypeMultus, rest
	}
	stdin := fmt.Sprintf(`{"cniVersion":"1.1.0","name":"braid","type":%q%s}`, typ, config)
	c, _, err := ParseConfig([]byte(stdin))
	if err != nil {
		t.Fatalf("parse %s: %v", stdin, err)
	}
	in := Input{Config: c, IfName: "eth0", Args: s.args, NADs: map[Key]*netv1.NetworkAttachmentDefinition{}, Disk: Disk{}}
	if s.namespace != "-" {
		in.Pod = &Pod{Namespace: "ns", Name: "pod", Annotations: map[string]string{NetworksAnnotation: s.networks, DefaultNetworkAnnotation: s.first}}
	}
	if s.namespace != "" && in.Pod != nil {
		in.Pod.Namespace = s.namespace
	}
	for name, config := range s.nads {
		nad := &netv1.NetworkAttachmentDefinition{Spec: netv1.NetworkAttachmentDefinitionSpec{Config: config}}
		if s.resource != "" {
			nad.Annotations = map[string]string{ResourceNameAnnotation: s.resource}
		}
		in.NADs[keysOf(name)[0]] = nad
	}
	for _, p := range References(in).Paths {
		for name, content := range s.files {
			if strings.HasPrefix(name, p) {
				in.Disk[p] = append(in.Disk[p], File{Path: name, Content: []byte(content)})
			}
		}
	}
	return in
}

// showPlan writes a line an attachment; parts that are empty are left out.
func showPlan(p *Plan) string {
	var b strings.Builder
	if p.Chained {
		fmt.Fprintf(&b, "chained%s\n", showRoutes(p.ChainedRoutes))
	}
	for _, a := range p.Attachments {
		fmt.Fprintf(&b, "%s %s %s", a.IfName, a.Network, a.Config)
		if len(a.CapabilityArgs) > 0 {
			args, _ := json.Marshal(a.CapabilityArgs)
			fmt.Fprintf(&b, " caps=%s", args)
		}
		if len(a.Args) > 0 {
			fmt.Fprintf(&b, " args=%v", a.Args)
		}
		if a.IPAMClaim != "" {
			fmt.Fprintf(&b, " claim=%s", a.IPAMClaim)
		}
		fmt.Fprintf(&b, "%s\n", showRoutes(a.Routes))
	}
	for _, w := range p.Warnings {
		fmt.Fprintf(&b, "warning: %s\n", w)
	}
	return b.String()
}

func showRoutes(r Routes) string {
	var b strings.Builder
	for _, g := range r.Gateways {
		fmt.Fprintf(&b, " via=%s", g)
	}
	for word, set := range map[string]bool{" own": r.OwnGateways, " drop-owner": r.DropOwner} {
		if set {
			b.WriteString(word)
		}
	}
	if r.DropV4 {
		b.WriteString(" drop4")
	}
	if r.DropV6 {
		b.WriteString(" drop6")
	}
	return b.String()
}

const (
	main    = `,"clusterNetwork":{"type":"main"}`
	main0   = `eth0 braid {"cniVersion":"1.1.0","name":"braid","plugins":[{"type":"main"}]}`
	bridge  = `{"cniVersion":"1.0.0","type":"bridge"}`
	bridge1 = `{"cniVersion":"1.0.0","name":"a","plugins":[{"cniVersion":"1.0.0","type":"bridge"}]}`
	able    = `{"cniVersion":"1.0.0","plugins":[{"type":"bridge"},{"type":"all","capabilities":{"ips":true,"mac":true,"portMappings":true,"bandwidth":true,"infinibandGUID":true,"deviceID":true}}]}`
	able1   = `{"cniVersion":"1.0.0","name":"a","plugins":[{"type":"bridge"},{"capabilities":{"ips":true,"mac":true,"portMappings":true,"bandwidth":true,"infinibandGUID":true,"deviceID":true},"type":"all"}]}`
)

type planTest struct {
	name     string
	scene    scene
	want     string
	mistakes []string
}

func runPlanTests(t *testing.T, tests []planTest) {
	t.Helper()
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p, err := NewPlan(test.scene.input(t))
			checkMistakes(t, err, test.mistakes)
			if err == nil {
				checkText(t, showPlan(p), test.want)
			}
		})
	}
}

func TestPlanOrder(t *testing.T) {
	nads := map[string]string{"ns/a": bridge, "other/b": bridge, "x/d": bridge}
	runPlanTests(t, []planTest{
		{name: "clause 54: no annotation, the default network only", scene: scene{config: main}, want: main0},
		{name: "no pod", scene: scene{config: main, namespace: "-"}, want: main0},
		{name: "clause 59, 64: default network, administrator's, pod's",
			scene: scene{config: main + `,"defaultNetworks":["x/d"],"globalNamespaces":["other"]`, networks: "other/b,a", nads: nads},
			want: main0 + `
net1 x/d {"cniVersion":"1.0.0","name":"d","plugins":[{"cniVersion":"1.0.0","type":"bridge"}]}
net2 other/b {"cniVersion":"1.0.0","name":"b","plugins":[{"cniVersion":"1.0.0","type":"bridge"}]}
net3 ns/a ` + bridge1},
		{name: "systemNamespaces go without defaultNetworks", scene: scene{config: main + `,"defaultNetworks":["x/d"]`, namespace: "kube-system", nads: nads}, want: main0},
		{name: "clause 38: a network twice is two attachments, also when it is a default network",
			scene: scene{config: main + `,"defaultNetworks":["ns/a"]`, networks: "a,a", nads: nads},
			want:  main0 + "\nnet1 ns/a " + bridge1 + "\nnet2 ns/a " + bridge1 + "\nnet3 ns/a " + bridge1},
		{name: "multus: delegates", scene: scene{config: `multus:,"delegates":[{"type":"main","name":"m","cniVersion":"0.3.1"},{"type":"bridge","name":"b"}]`, namespace: "kube-system"},
			want: `eth0 m {"cniVersion":"0.3.1","name":"m","plugins":[{"cniVersion":"0.3.1","name":"m","type":"main"}]}
net1 b {"cniVersion":"1.1.0","name":"b","plugins":[{"name":"b","type":"bridge"}]}`},
		{name: "multus: second delegate without a name", scene: scene{config: `multus:,"delegates":[{"type":"main"},{"type":"bridge"}]`},
			mistakes: []string{`delegates 2: interface net1: name "" cannot be a file name`}},
		{name: "no cluster network", scene: scene{}, mistakes: []string{"clusterNetwork: is not set"}},
		{name: "in a chain", scene: scene{config: `,"prevResult":{}`, networks: "a", nads: nads}, want: "chained\nnet1 ns/a " + bridge1},
		{name: "in a chain with a cluster network", scene: scene{config: main + `,"prevResult":{}`}, mistakes: []string{"leave clusterNetwork out"}},
		{name: "in a chain a pod cannot choose its default network", scene: scene{config: `,"prevResult":{}`, first: "a", nads: nads},
			mistakes: []string{"a pod cannot choose its default network here"}},
		{name: "default-network annotation", scene: scene{config: main, first: "a", nads: nads}, want: "eth0 ns/a " + bridge1},
		{name: "default-network annotation under multus", scene: scene{config: "multus:" + main, first: "a", nads: map[string]string{"kube-system/a": bridge}},
			want: "eth0 kube-system/a " + bridge1},
	})
}

func TestPlanNADs(t *testing.T) {
	runPlanTests(t, []planTest{
		{name: "clause 3: a list", scene: scene{config: main, networks: "a", nads: map[string]string{"ns/a": `{"cniVersion":"1.0.0","name":"x","plugins":[{"type":"p","odd":{"z":1e3}}],"odd":[1]}`}},
			want: main0 + "\n" + `net1 ns/a {"cniVersion":"1.0.0","name":"x","odd":[1],"plugins":[{"odd":{"z":1e3},"type":"p"}]}`},
		{name: "clause 7: name injected, also for an empty one", scene: scene{config: main, networks: "a,b", nads: map[string]string{"ns/a": bridge, "ns/b": `{"name":"","cniVersions":["1.0.0"],"plugins":[{"type":"p"}]}`}},
			want: main0 + "\nnet1 ns/a " + bridge1 + "\n" + `net2 ns/b {"cniVersions":["1.0.0"],"name":"b","plugins":[{"type":"p"}]}`},
		{name: "clause 60: without cniVersion it is 0.1.0", scene: scene{config: main, networks: "a", nads: map[string]string{"ns/a": `{"type":"p"}`}},
			want: main0 + "\n" + `net1 ns/a {"cniVersion":"0.1.0","name":"a","plugins":[{"type":"p"}]}` + "\nwarning: network ns/a has no cniVersion, which means 0.1.0: add one"},
		{name: "clause 2, 6: no config, found on disk by name", scene: scene{config: main, networks: "a", nads: map[string]string{"ns/a": " \n"},
			files: map[string]string{"/etc/cni/braid/net.d/1.conf": `{"name":"a","type":"conf"}`, "/etc/cni/braid/net.d/2.conflist": `{"name":"a","cniVersion":"1.0.0","plugins":[{"type":"list"}]}`}},
			want: main0 + "\n" + `net1 ns/a {"cniVersion":"1.0.0","name":"a","plugins":[{"type":"list"}]}`},
		{name: "clause 6: no config anywhere", scene: scene{config: main, networks: "a", nads: map[string]string{"ns/a": ""}, files: map[string]string{"/etc/cni/braid/net.d/1.conf": `{`}},
			mistakes: []string{`NetworkAttachmentDefinition "ns/a": no configuration named "a" in "/etc/cni/braid/net.d"; not readable: file "/etc/cni/braid/net.d/1.conf": broken JSON`}},
		{name: "clause 6: no such NAD", scene: scene{config: main, networks: "a,b"}, mistakes: []string{
			`annotation k8s.v1.cni.cncf.io/networks: element 1 ("a"): interface net1: network "ns/a": no such NetworkAttachmentDefinition: create it`, `network "ns/b"`}},
		{name: "broken JSON, no type, odd shapes", scene: scene{config: main, networks: "a,b,c,d,e,f,g", nads: map[string]string{
			"ns/a": "{", "ns/b": "{}", "ns/c": `{"plugins":[]}`, "ns/d": `{"plugins":[1]}`, "ns/e": `{"plugins":{}}`, "ns/f": `[]`, "ns/g": `{"type":"x","capabilities":[],"cniVersion":"1.0.0"}`}},
			mistakes: []string{`NetworkAttachmentDefinition "ns/a": spec.config: broken JSON`, `plugin 1: has no type`, "plugins: the list is empty",
				"plugins 1: want an object", "plugins: want a list", "want an object, have", "libcni refuses it"}},
		{name: "clause 11 has no say in configurations: other keys survive", scene: scene{config: main, networks: "a", nads: map[string]string{"ns/a": `{"type":"x","cniVersion":"1.0.0","n":12345678901234567890}`}},
			want: main0 + "\n" + `net1 ns/a {"cniVersion":"1.0.0","name":"a","plugins":[{"cniVersion":"1.0.0","n":12345678901234567890,"type":"x"}]}`},
		{name: "clause 65: namespace isolation, which tells nothing of what exists", scene: scene{config: main + `,"globalNamespaces":["open"]`, networks: "secret/a,secret/b,open/c",
			nads: map[string]string{"secret/a": bridge, "open/c": bridge}},
			mistakes: []string{`element 1 ("secret/a"): namespace isolation: the pod may use networks of namespace ns, open only`, `element 2 ("secret/b"): namespace isolation`}},
		{name: "clause 65: namespace isolation of the default-network annotation", scene: scene{config: main, first: "secret/a"},
			mistakes: []string{`annotation v1.multus-cni.io/default-network: element 1 ("secret/a"): namespace isolation`}},
		{name: "clause 65: no isolation", scene: scene{config: main + `,"namespaceIsolation":false`, networks: "secret/a", nads: map[string]string{"secret/a": bridge}},
			want: main0 + "\nnet1 secret/a " + bridge1},
		{name: "clause 65: isolation under multus opens default", scene: scene{config: "multus:" + main + `,"namespaceIsolation":true`, networks: "default/a", nads: map[string]string{"default/a": bridge}},
			want: main0 + "\nnet1 default/a " + bridge1},
		{name: "administrators are not isolated", scene: scene{config: `,"clusterNetwork":"net/a"`, nads: map[string]string{"net/a": bridge}}, want: "eth0 net/a " + bridge1},
		{name: "cluster network does not exist", scene: scene{config: `,"clusterNetwork":"net/a"`}, mistakes: []string{`clusterNetwork: network "net/a": no such`}},
		{name: "multus: name of a NAD", scene: scene{config: `multus:,"clusterNetwork":"a"`, nads: map[string]string{"kube-system/a": bridge}}, want: "eth0 kube-system/a " + bridge1},
		{name: "multus: name on disk", scene: scene{config: `multus:,"clusterNetwork":"My.Net"`, files: map[string]string{"/etc/cni/multus/net.d/1.conf": `{"name":"My.Net","type":"x","cniVersion":"1.0.0"}`}},
			want: `eth0 My.Net {"cniVersion":"1.0.0","name":"My.Net","plugins":[{"cniVersion":"1.0.0","name":"My.Net","type":"x"}]}`},
		{name: "multus: name of nothing", scene: scene{config: `multus:,"clusterNetwork":"a"`}, mistakes: []string{"no such NetworkAttachmentDefinition named \"a\" in namespace kube-system, and no configuration named"}},
	})
}

func TestPlanGuards(t *testing.T) {
	with := func(config string) scene {
		return scene{config: main, networks: "a", nads: map[string]string{"ns/a": config}}
	}
	runPlanTests(t, []planTest{
		{name: "plugin types that are paths", scene: with(`{"cniVersion":"1.0.0","plugins":[{"type":"../x"},{"type":"a","ipam":{"type":"/bin/sh"}},{"type":"b","delegate":{"type":"x/y"}}]}`),
			mistakes: []string{`plugin 1: type "../x" is not the plain file name`, `plugin 2: ipam: type "/bin/sh"`, `plugin 3: delegate: type "x/y"`}},
		{name: "meta plugins", scene: with(`{"cniVersion":"1.0.0","plugins":[{"type":"braid"},{"type":"multus"},{"type":"x","delegate":{"type":"multus-shim"}}]}`),
			mistakes: []string{`type "braid" is a meta plugin`, `type "multus"`, `type "multus-shim"`}},
		{name: "meta plugin as cluster network", scene: scene{config: `,"clusterNetwork":{"type":"multus","delegates":[]}`}, mistakes: []string{`clusterNetwork: plugin 1: type "multus" is a meta plugin`}},
		{name: "name that is a path", scene: with(`{"cniVersion":"1.0.0","name":"../x","type":"x"}`), mistakes: []string{`name "../x" cannot be a file name`}},
		{name: "name that is a number", scene: with(`{"cniVersion":"1.0.0","name":7,"type":"x"}`), mistakes: []string{`name "" cannot be a file name`}},
		{name: "keys in other upper and lower case", scene: with(`{"cniVersion":"1.0.0","plugins":[{"type":"x","TYPE":"../y","ipam":{"Type":"../z","datadir":"/"},"Name":"b"}],"NAME":"../x"}`),
			mistakes: []string{`"plugins": 1: "ipam": key "datadir" must be written "dataDir"`, `key "NAME" must be written "name"`, `key "Name"`, `key "TYPE" must be written "type"`, `ipam: key "Type"`}},
		{name: "keys twice", scene: with(`{"cniVersion":"1.0.0","type":"x","ipam":{"type":"a","type":"b"}}`), mistakes: []string{`key "type" is written twice in one object`}},
		{name: "paths", scene: with(`{"cniVersion":"1.0.0","type":"host-device","kernelpath":"/sys/devices/../class","ipam":{"dataDir":"var","resolvConf":"/etc/shadow"},"deep":[{"delegate":{"dataDir":5}}]}`),
			mistakes: []string{`"deep": 1: "delegate": dataDir: is not a string`, `dataDir: "var" is not a clean absolute path`, `resolvConf: "/etc/shadow" is not beneath one of`, `kernelpath: "/sys/devices/../class" is not a clean`}},
		{name: "path beside an allowed one", scene: with(`{"cniVersion":"1.0.0","type":"x","ipam":{"dataDir":"/var/lib/cnix"}}`), mistakes: []string{`"/var/lib/cnix" is not beneath`}},
		{name: "allowed paths", scene: with(`{"cniVersion":"1.0.0","type":"x","kernelpath":"/sys/devices/pci0","ipam":{"dataDir":"/var/lib/cni/n","resolvConf":"/etc/resolv.conf"},"tune":{"dataDir":""}}`),
			want: main0 + "\n" + `net1 ns/a {"cniVersion":"1.0.0","name":"a","plugins":[{"cniVersion":"1.0.0","ipam":{"dataDir":"/var/lib/cni/n","resolvConf":"/etc/resolv.conf"},"kernelpath":"/sys/devices/pci0","tune":{"dataDir":""},"type":"x"}]}`},
		{name: "the administrator's own configuration may name any path", scene: scene{config: `,"clusterNetwork":{"type":"x","dataDir":"/mnt"}`},
			want: `eth0 braid {"cniVersion":"1.1.0","name":"braid","plugins":[{"dataDir":"/mnt","type":"x"}]}`},
		{name: "nested too deeply", scene: with(`{"cniVersion":"1.0.0","type":"x","a":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`), mistakes: []string{"is nested more than 32 deep"}},
	})
}

func TestPlanRequests(t *testing.T) {
	with := func(config, element string) scene {
		return scene{config: config, networks: `[{"name":"a",` + element + `}]`, nads: map[string]string{"ns/a": able, "ns/b": bridge}}
	}
	without := func(config, element string) scene {
		return scene{config: config, networks: `[{"name":"b",` + element + `}]`, nads: map[string]string{"ns/b": bridge}}
	}
	const b1 = `net1 ns/b {"cniVersion":"1.0.0","name":"b","plugins":[{"cniVersion":"1.0.0","type":"bridge"}]}`
	lenient := main + `,"lenientCapabilities":true`
	runPlanTests(t, []planTest{
		{name: "clause 16: ips", scene: with(main, `"ips":["10.0.0.1/24","fd00::1"]`), want: main0 + "\nnet1 ns/a " + able1 + ` caps={"ips":["10.0.0.1/24","fd00::1"]}`},
		{name: "clause 19: mac", scene: with(main, `"mac":"02:00:00:00:00:01"`), want: main0 + "\nnet1 ns/a " + able1 + ` caps={"mac":"02:00:00:00:00:01"}`},
		{name: "clause 27: portMappings", scene: with(main, `"portMappings":[{"hostPort":1,"containerPort":2,"protocol":"UDP"}]`),
			want: main0 + "\nnet1 ns/a " + able1 + ` caps={"portMappings":[{"hostPort":1,"containerPort":2,"protocol":"udp"}]}`},
		{name: "clause 30: bandwidth, directions without a limit left out", scene: with(main, `"bandwidth":{"egressRate":8,"egressBurst":9}`),
			want: main0 + "\nnet1 ns/a " + able1 + ` caps={"bandwidth":{"egressBurst":9,"egressRate":8}}`},
		{name: "clause 35: infinibandGUID", scene: with(main, `"infiniband-guid":"c2:11:22:33:44:55:66:77"`), want: main0 + "\nnet1 ns/a " + able1 + ` caps={"infinibandGUID":"c2:11:22:33:44:55:66:77"}`},
		{name: "deviceID", scene: with(main, `"deviceID":"0000:03:00.1"`), want: main0 + "\nnet1 ns/a " + able1 + ` caps={"deviceID":"0000:03:00.1"}`},
		{name: "clause 36: claim", scene: with(main, `"ipam-claim-reference":"c"`), want: main0 + "\nnet1 ns/a " + able1 + ` claim=c`},
		{name: "clauses 17, 19, 26, 27, 29, 30, 35: capability missing",
			scene: without(main, `"ips":["10.0.0.1"],"mac":"02:00:00:00:00:01","portMappings":[{"hostPort":1,"containerPort":2}],"bandwidth":{"ingressRate":1},"infiniband-guid":"c2:11:22:33:44:55:66:77","deviceID":"x"`),
			mistakes: []string{
				`element 1 ("ns/b"): interface net1: ips: no plugin of network ns/b declares the capability "ips": add "capabilities": {"ips": true}`,
				"mac: no plugin", "portMappings: no plugin", "bandwidth: no plugin", "infinibandGUID: no plugin", "deviceID: no plugin"}},
		{name: "clause 17: capability declared false", scene: scene{config: main, networks: `[{"name":"b","mac":"02:00:00:00:00:01"}]`, nads: map[string]string{"ns/b": `{"cniVersion":"1.0.0","type":"x","capabilities":{"mac":false}}`}},
			mistakes: []string{"mac: no plugin"}},
		{name: "lenient: as CNI_ARGS", scene: without(lenient, `"ips":["10.0.0.1"],"mac":"02:00:00:00:00:01"`), want: main0 + "\n" + b1 + ` args=[[IgnoreUnknown true] [IP 10.0.0.1] [MAC 02:00:00:00:00:01]]`},
		{name: "lenient: what CNI_ARGS cannot carry", scene: without(lenient, `"ips":["10.0.0.1","fd00::1"],"bandwidth":{"ingressRate":1}`), want: main0 + "\n" + b1 + `
warning: ips is dropped: no plugin of network ns/b declares the capability
warning: bandwidth is dropped: no plugin of network ns/b declares the capability`},
		{name: "lenient: with the capability nothing changes", scene: with(lenient, `"mac":"02:00:00:00:00:01"`), want: main0 + "\nnet1 ns/a " + able1 + ` caps={"mac":"02:00:00:00:00:01"}`},
		{name: "clause 66: runtimeConfig is the default network's", scene: with(main+`,"runtimeConfig":{"portMappings":[{"hostPort":1}],"dns":{}}`, `"mac":"02:00:00:00:00:01"`),
			want: main0 + ` caps={"dns":{},"portMappings":[{"hostPort":1}]}` + "\nnet1 ns/a " + able1 + ` caps={"mac":"02:00:00:00:00:01"}`},
		{name: "clause 66: default-network annotation joins it", scene: scene{config: main + `,"runtimeConfig":{"portMappings":[],"mac":"02:00:00:00:00:09"}`,
			first: `[{"name":"a","mac":"02:00:00:00:00:01"}]`, nads: map[string]string{"ns/a": able}},
			want: "eth0 ns/a " + able1 + ` caps={"mac":"02:00:00:00:00:01","portMappings":[]}`},
		{name: "CNI_ARGS about the interface are the default network's", scene: scene{config: main, networks: "a", nads: map[string]string{"ns/a": bridge}, args: "IgnoreUnknown=1;K8S_POD_NAME=pod;MAC=m;IP=i"},
			want: main0 + " args=[[IgnoreUnknown 1] [K8S_POD_NAME pod] [MAC m] [IP i]]\nnet1 ns/a " + bridge1 + " args=[[IgnoreUnknown 1] [K8S_POD_NAME pod]]"},
		{name: "CNI_ARGS that are none", scene: scene{config: main, args: "A=1;b;=c;"}, mistakes: []string{`CNI_ARGS: "b" is not of the form`, `CNI_ARGS: "=c"`}},
		{name: "clause 24: cni-args over args of the NAD, in every plugin", scene: scene{config: main, networks: `[{"name":"a","cni-args":{"x":1,"y":{"z":null}}}]`,
			nads: map[string]string{"ns/a": `{"cniVersion":"1.0.0","plugins":[{"type":"p","args":{"cni":{"x":0,"w":2},"other":3}},{"type":"q","args":null}]}`}},
			want: main0 + "\n" + `net1 ns/a {"cniVersion":"1.0.0","name":"a","plugins":[{"args":{"cni":{"w":2,"x":1,"y":{"z":null}},"other":3},"type":"p"},{"args":{"cni":{"x":1,"y":{"z":null}}},"type":"q"}]}`},
		{name: "clause 24: args that are no object", scene: scene{config: main, networks: `[{"name":"a","cni-args":{"x":1}}]`, nads: map[string]string{"ns/a": `{"cniVersion":"1.0.0","plugins":[{"type":"p","args":[]},{"type":"q","args":{"cni":1}}]}`}},
			mistakes: []string{"plugin 1: merge cni-args: args: want an object", "plugin 2: merge cni-args: args: cni: want an object"}},
		{name: "cni-args are no way around capabilities and paths", scene: without(main, `"cni-args":{"IPS":["10.0.0.1"],"mac":"x","a":{"dataDir":"/etc"}}`),
			mistakes: []string{`cni-args: "a": dataDir: "/etc" is not beneath`, `cni-args: "IPS": no plugin of network ns/b declares the capability "ips"`, `cni-args: "mac": no plugin`}},
		{name: "cni-args with the capability", scene: with(main, `"cni-args":{"mac":"x"}`),
			want: main0 + "\nnet1 ns/a " + strings.NewReplacer(`{"type":"bridge"}`, `{"args":{"cni":{"mac":"x"}},"type":"bridge"}`, `{"capabilities"`, `{"args":{"cni":{"mac":"x"}},"capabilities"`).Replace(able1)},
	})
}

func TestPlanInterfaces(t *testing.T) {
	nads := map[string]string{"ns/a": bridge}
	for _, test := range []struct {
		name, config, networks, first, want string
		mistakes                            []string
	}{
		{name: "clause 39: by place", networks: "a,a,a", want: "eth0 net1 net2 net3"},
		{name: "clause 22: chosen", networks: "a@x,a,a@y", want: "eth0 x net2 y"},
		{name: "a chosen name moves the one whose place it is, and no other", networks: "a@net2,a,a", want: "eth0 net2 net4 net3"},
		{name: "the free name is beyond all places", networks: "a@net2,a,a@net4,a@net5", want: "eth0 net2 net6 net4 net5"},
		{name: "in a chain the default network has place 0", config: `,"prevResult":{}`, networks: "a,a", want: "net1 net2"},
		{name: "clause 21: the default network's name", networks: "a@eth0", mistakes: []string{`"eth0" is the default network's`}},
		{name: "clause 21: default network and another", networks: "a@eth0", first: `[{"name":"a","interface":"eth0"}]`, mistakes: []string{`interface: "eth0" is the default network's`}},
		{name: "clause 20: default network by another name", first: "a@x", mistakes: []string{`interface: "x" cannot be the default network's, which the runtime names "eth0"`}},
		{name: "clause 20: default network by its own name", first: "a@eth0", want: "eth0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.config == "" {
				test.config = main
			}
			p, err := NewPlan(scene{config: test.config, networks: test.networks, first: test.first, nads: nads}.input(t))
			checkMistakes(t, err, test.mistakes)
			if err != nil {
				return
			}
			var names []string
			for _, a := range p.Attachments {
				names = append(names, a.IfName)
			}
			checkText(t, strings.Join(names, " "), test.want)
		})
	}
}

func TestPlanInterfaceOfTheRuntime(t *testing.T) {
	in := scene{config: main, networks: "a@veth0", nads: map[string]string{"ns/a": bridge}}.input(t)
	in.IfName = "veth0"
	_, err := NewPlan(in)
	checkMistakes(t, err, []string{`element 1 ("a@veth0"): interface: "veth0" is the default network's`})
	in.IfName = "lo"
	_, err = NewPlan(in)
	checkMistakes(t, err, []string{`CNI_IFNAME: "lo" cannot be an interface name: it is reserved`})
}

func TestPlanRoutes(t *testing.T) {
	nads := map[string]string{"ns/a": bridge, "ns/b": bridge}
	for _, test := range []struct {
		name, config, networks, first, want string
		mistakes                            []string
	}{
		{name: "nobody asks", networks: "a,b", want: "eth0:|net1:|net2:"},
		{name: "clause 31, 32: one family", networks: `[{"name":"a","default-route":["10.0.0.1"]},{"name":"b"}]`, want: "eth0: drop4|net1: via=10.0.0.1 drop4|net2: drop4"},
		{name: "clause 31, 32: both families", networks: `[{"name":"a","default-route":["fe80::1","10.0.0.1"]}]`, want: "eth0: drop4 drop6|net1: via=fe80::1 via=10.0.0.1 drop4 drop6"},
		{name: "clause 31: its own gateways", networks: `[{"name":"a"},{"name":"b","default-route":[]}]`, want: "eth0: drop-owner|net1: drop-owner|net2: own"},
		{name: "clause 31: on the default network", first: `[{"name":"a","default-route":["10.0.0.1"]}]`, networks: "b", want: "eth0: via=10.0.0.1 drop4|net1: drop4"},
		{name: "clause 31: on two elements of two annotations", first: `[{"name":"a","default-route":[]}]`, networks: `[{"name":"b","default-route":[]}]`,
			mistakes: []string{"annotation k8s.v1.cni.cncf.io/networks: element 1 (\"ns/b\"): default-route is asked for by two elements"}},
		{name: "clause 32: in a chain", config: `,"prevResult":{}`, networks: `[{"name":"a","default-route":["10.0.0.1"]}]`, want: "chain: drop4|net1: via=10.0.0.1 drop4"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.config == "" {
				test.config = main
			}
			p, err := NewPlan(scene{config: test.config, networks: test.networks, first: test.first, nads: nads}.input(t))
			checkMistakes(t, err, test.mistakes)
			if err != nil {
				return
			}
			var all []string
			if p.Chained {
				all = append(all, "chain:"+showRoutes(p.ChainedRoutes))
			}
			for _, a := range p.Attachments {
				all = append(all, a.IfName+":"+showRoutes(a.Routes))
			}
			checkText(t, strings.Join(all, "|"), test.want)
		})
	}
}

func TestPlanReportsEverythingAtOnce(t *testing.T) {
	_, err := NewPlan(scene{
		config: `,"clusterNetwork":"net/none"`, first: "[", args: "x",
		networks: `[{"name":"a","mac":"zz"},{"name":"b","interface":"lo"},{"name":"c","namespace":"far"},{"name":"d","ips":["10.0.0.1"]}]`,
		nads:     map[string]string{"ns/a": "{", "ns/d": bridge},
	}.input(t))
	checkMistakes(t, err, []string{
		"default-network: broken JSON", `element 1: mac: "zz"`, `element 2: interface: "lo"`, `element 3 ("far/c"): namespace isolation`,
		`CNI_ARGS: "x"`, `clusterNetwork: network "net/none": no such`, `"ns/a": spec.config: broken JSON`, `network "ns/b": no such`, "ips: no plugin of network ns/d",
	})
	if !errors.Is(err, ErrNADNotFound) {
		t.Errorf("error is not ErrNADNotFound: %v", err)
	}
}

func TestAttachmentSurvivesJSON(t *testing.T) {
	p, err := NewPlan(scene{config: main, networks: `[{"name":"a","mac":"02:00:00:00:00:01","default-route":["10.0.0.1"]}]`, nads: map[string]string{"ns/a": able}}.input(t))
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(p.Attachments[1])
	if err != nil {
		t.Fatal(err)
	}
	var back Attachment
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	checkText(t, showPlan(&Plan{Attachments: []Attachment{back}}), showPlan(&Plan{Attachments: p.Attachments[1:]}))
}

// BenchmarkNewPlan plans what the design's budget is about: the default network and two more.
func BenchmarkNewPlan(b *testing.B) {
	in := scene{config: main, networks: "a,a", nads: map[string]string{"ns/a": able}, args: "IgnoreUnknown=1;K8S_POD_NAME=pod"}.input(b)
	for b.Loop() {
		if _, err := NewPlan(in); err != nil {
			b.Fatal(err)
		}
	}
}
