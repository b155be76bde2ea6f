package netattach

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func (s Source) String() string {
	switch {
	case s.Inline != nil:
		return string(s.Inline)
	case s.Path != "":
		return "path " + s.Path
	case s.Name != "":
		return "name " + s.Name
	case s.IsZero():
		return "none"
	}
	return "nad " + s.NAD.String()
}

// showConfig writes the parts of a configuration that differ from the defaults of its kind.
func showConfig(c Config) string {
	unset, _, _ := ParseConfig([]byte(map[bool]string{
		false: `{"type":"braid","name":"braid"}`,
		true:  `{"type":"multus","name":"braid"}`,
	}[c.Multus]))
	lines := func(c Config) []string {
		return []string{
			fmt.Sprint("multus ", c.Multus), fmt.Sprint("version ", c.CNIVersion), fmt.Sprint("name ", c.Name),
			fmt.Sprint("cluster ", c.ClusterNetwork), fmt.Sprint("delegates ", c.Delegates), fmt.Sprint("defaults ", c.DefaultNetworks),
			fmt.Sprint("system ", c.SystemNamespaces), fmt.Sprint("namespace ", c.Namespace),
			fmt.Sprint("isolation ", c.NamespaceIsolation), fmt.Sprint("global ", c.GlobalNamespaces), fmt.Sprint("lenient ", c.LenientCapabilities),
			fmt.Sprint("paths ", c.PathsAllow), fmt.Sprint("timeout ", c.Timeout), fmt.Sprint("builtins ", c.Builtins), fmt.Sprint("publish ", c.StatusPublish),
			fmt.Sprint("confDir ", c.ConfDir), fmt.Sprint("binDir ", c.BinDir), fmt.Sprint("ready ", c.ReadinessFile),
			fmt.Sprintf("runtime %s", c.RuntimeConfig), fmt.Sprintf("prev %s", c.PrevResult),
		}
	}
	defaults := lines(unset)
	return strings.Join(slices.DeleteFunc(lines(c), func(l string) bool { return slices.Contains(defaults, l) }), "\n")
}

func TestParseConfig(t *testing.T) {
	for _, test := range []struct {
		name, in, want     string
		warnings, mistakes []string
	}{
		{name: "the design's conflist", in: `{"cniVersion":"1.1.0","name":"braid","type":"braid",
			"clusterNetwork":{"type":"overlay","ipam":{"type":"braid-ipam","pool":"pods"}},"defaultNetworks":[],"namespaceIsolation":true,"timeout":"60s"}`,
			want: `version 1.1.0
cluster {"type":"overlay","ipam":{"type":"braid-ipam","pool":"pods"}}`},
		{name: "every key of braid", in: `{"cniVersion":"1.0.0","name":"n","type":"braid","clusterNetwork":"ns/net","defaultNetworks":["a/b","/etc/x.conf",{"type":"bridge"}],
			"systemNamespaces":["a","b"],"namespaceIsolation":false,"globalNamespaces":"x, y,","lenientCapabilities":true,"pathsAllow":["/a"],"timeout":"5s",
			"builtins":"only","statusPublish":"sync","confDir":"/c","binDir":"/b","readinessindicatorfile":"/r","runtimeConfig":{"ips":["1.2.3.4"]},"prevResult":{"cniVersion":"1.0.0"}}`,
			want: `version 1.0.0
name n
cluster nad ns/net
defaults [nad a/b path /etc/x.conf {"type":"bridge"}]
system [a b]
isolation false
global [x y]
lenient true
paths [/a]
timeout 5s
builtins only
publish sync
confDir /c
binDir /b
ready /r
runtime map[ips:["1.2.3.4"]]
prev {"cniVersion":"1.0.0"}`},
		{name: "a path is cleaned", in: `{"name":"braid","type":"braid","clusterNetwork":"/etc/cni/net.d/"}`, want: "cluster path /etc/cni/net.d"},
		{name: "multus: delegates", in: `{"name":"braid","type":"multus","delegates":[{"type":"flannel"},{"type":"bridge","name":"b"}]}`,
			want: "cluster {\"type\":\"flannel\"}\ndelegates [{\"type\":\"bridge\",\"name\":\"b\"}]"},
		{name: "multus: names", in: `{"name":"braid","type":"multus-shim","clusterNetwork":"main","defaultNetworks":["extra"],"multusNamespace":"net"}`,
			want: "cluster name main\ndefaults [name extra]\nnamespace net"},
		{name: "multus: clusterNetwork wins", in: `{"name":"braid","type":"multus","clusterNetwork":"/x.conf","delegates":[{"type":"a"}]}`,
			want: "cluster path /x.conf", warnings: []string{"delegates are ignored"}},
		{name: "multus: empty clusterNetwork is none", in: `{"name":"braid","type":"multus","clusterNetwork":"","delegates":[{"type":"a"}]}`, want: `cluster {"type":"a"}`},
		{name: "multus: globalNamespaces replace the default", in: `{"name":"braid","type":"multus","globalNamespaces":"a"}`, want: "global [a]"},
		{name: "multus: keys of its own storage and logs", in: `{"name":"braid","type":"multus","kubeconfig":"/k","logLevel":"debug","logFile":"/l","logToStderr":true,
			"logOptions":{},"cniDir":"/d","retryDeleteOnError":true,"capabilities":{"portMappings":true},"daemonSocketDir":"/run/multus"}`},
		{name: "multus: auxiliary chain", in: `{"name":"braid","type":"multus","auxiliaryCNIChainName":"x"}`, warnings: []string{`key "auxiliaryCNIChainName" means nothing here`}},
		{name: "unknown keys", in: `{"name":"braid","type":"braid","delegates":[],"colour":1,"cni.dev/valid-attachments":[]}`,
			warnings: []string{`key "colour"`, `key "delegates"`}},
		{name: "other upper and lower case", in: `{"name":"braid","type":"multus","readinessIndicatorFile":"/r"}`, want: "ready /r",
			warnings: []string{`key "readinessIndicatorFile" is read as "readinessindicatorfile"`}},
		{name: "broken", in: `{`, mistakes: []string{"read network configuration: broken JSON"}},
		{name: "every mistake", in: `{"name":"../x","type":"calico","clusterNetwork":"main","defaultNetworks":[1,"A/b",{},""],"systemNamespaces":["A"],"globalNamespaces":7,
			"namespaceIsolation":"yes","pathsAllow":["/a/../b"],"timeout":"soon","builtins":"maybe","statusPublish":"","confDir":"c","binDir":"b","readinessindicatorfile":"r"}`,
			mistakes: []string{
				`globalNamespaces: want a list of strings, or one string with commas, have "7"`, `namespaceIsolation: want true or false`,
				`type: "calico" is not "braid", "multus" or "multus-shim"`, `name: name "../x" cannot be a file name`, `timeout: "soon"`,
				`builtins: "maybe" is not one of ["prefer" "only" "never"]`, `statusPublish: "" is not one of`, `binDir: "b"`, `readinessindicatorfile: "r"`,
				`confDir: "c" is not an absolute path`, `systemNamespaces: "A" is not a DNS-1123 label`, `pathsAllow: "/a/../b"`,
				`clusterNetwork: "main" has no namespace`, `defaultNetworks 1: want a configuration, "namespace/name" or "/path", have "1"`,
				`defaultNetworks 2: namespace: "A" is not a DNS-1123`, "defaultNetworks 3: is an empty object", "defaultNetworks 4: want a configuration"}},
		{name: "no time at all", in: `{"name":"braid","type":"braid","timeout":"0s"}`, mistakes: []string{"not a positive duration"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, warnings, err := ParseConfig([]byte(test.in))
			checkMistakes(t, err, test.mistakes)
			checkPieces(t, warnings, test.warnings)
			if err == nil {
				checkText(t, showConfig(c), test.want)
			}
		})
	}
}

func TestConfigDefaults(t *testing.T) {
	for _, test := range []struct{ typ, want string }{
		{"braid", `/etc/cni/braid/net.d /opt/cni/bin [kube-system braid-system] "" true [] false prefer async 1m0s`},
		{"multus", `/etc/cni/multus/net.d /opt/cni/bin [kube-system] "kube-system" false [default] true prefer async 1m0s`},
		{"multus-shim", `/etc/cni/multus/net.d /opt/cni/bin [kube-system] "kube-system" false [default] true prefer async 1m0s`},
	} {
		t.Run(test.typ, func(t *testing.T) {
			c, warnings, err := ParseConfig(json.RawMessage(`{"name":"n","type":"` + test.typ + `"}`))
			checkMistakes(t, err, nil)
			checkPieces(t, warnings, nil)
			checkText(t, fmt.Sprintf("%s %s %s %q %v %s %v %s %s %s", c.ConfDir, c.BinDir, c.SystemNamespaces, c.Namespace, c.NamespaceIsolation,
				c.GlobalNamespaces, c.LenientCapabilities, c.Builtins, c.StatusPublish, c.Timeout), test.want)
		})
	}
}
