package agentconfig

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"
)

const header = "apiVersion: config.braid.dev/v1alpha1\nkind: AgentConfiguration\n"

// reference is the file that people read.
const reference = "../../deploy/reference.yaml"

func TestParse(t *testing.T) {
	tests := []struct {
		name, text string
		change     func(c *Config)
	}{
		{"nothing set", "", func(*Config) {}},
		{"auto", "clusterNetwork: auto", func(*Config) {}},
		{"path", "clusterNetwork: /etc/cni/net.d", func(c *Config) { c.ClusterNetwork = Network{Raw: []byte(`"/etc/cni/net.d"`)} }},
		{"NAD", "clusterNetwork: kube-system/pods", func(c *Config) { c.ClusterNetwork = Network{Raw: []byte(`"kube-system/pods"`)} }},
		{"inline", "clusterNetwork: {type: bridge, mtu: 1400}", func(c *Config) {
			c.ClusterNetwork = Network{Raw: []byte(`{"mtu":1400,"type":"bridge"}`)}
		}},
		{"default networks", "defaultNetworks: [default/a, {plugins: [{type: x}]}]", func(c *Config) {
			c.DefaultNetworks = []Network{{Raw: []byte(`"default/a"`)}, {Raw: []byte(`{"plugins":[{"type":"x"}]}`)}}
		}},
		{"everything else", `
namespaceIsolation: false
globalNamespaces: [shared]
systemNamespaces: []
builtins: never
timeout: 5s
statusPublish: sync
paths: {allow: [/srv]}
plugins: {allow: [macvlan, ovs*]}
tenants: {allow: {plugins: [bridge], bridges: [br-blue-*], masters: [eth1], devices: ["0000:03:00.1"], paths: [/srv/blue]}}
host: {confDir: /a, binDir: /b, conflist: ""}
healthAddress: "[::1]:99"
logLevel: debug`, func(c *Config) {
			*c = Config{
				ClusterNetwork: Network{Auto: true}, GlobalNamespaces: []string{"shared"}, SystemNamespaces: []string{}, Builtins: "never",
				Timeout: 5 * time.Second, StatusPublish: "sync", PathsAllow: []string{"/srv"}, PluginsAllow: []string{"macvlan", "ovs*"}, ConfDir: "/a", BinDir: "/b",
				HealthAddress: "[::1]:99", LogLevel: slog.LevelDebug,
				TenantsAllow: Allowed{
					Plugins: []string{"bridge"}, Bridges: []string{"br-blue-*"}, Masters: []string{"eth1"}, Devices: []string{"0000:03:00.1"},
					Paths: []string{"/srv/blue"},
				},
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := Default()
			tt.change(&want)
			got, err := Parse([]byte("# a comment\n---\n" + header + tt.text))
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v, %v\nwant %+v", got, err, want)
			}
		})
	}
}

func TestMistakes(t *testing.T) {
	tests := []struct {
		name, text string
		want       []string // one for each mistake, in order
	}{
		{"empty", "", []string{"0 YAML documents"}},
		{"two documents", header + "---\n" + header, []string{"2 YAML documents"}},
		{"list", "[a]", []string{"not a YAML mapping"}},
		{"broken YAML", "a: [", []string{"yaml"}},
		{"key twice", header + "timeout: 1s\ntimeout: 2s", []string{`key "timeout" already set`}},
		{"another kind", "apiVersion: v1\nkind: ConfigMap", []string{"write apiVersion: config.braid.dev/v1alpha1"}},
		{"unknown keys", header + "foo: 1\nhost: {bar: 2}\nTimeout: 1s", []string{
			`unknown field "Timeout"`, `unknown field "foo"`, `unknown field "host.bar"`,
		}},
		{"wrong types", header + "builtins: 1\nhost: {binDir: [], confDir: {}}\npaths: x\nnamespaceIsolation: \"yes\"", []string{
			"builtins: want a string, have a number", "host.binDir: want a string, have a list", "host.confDir: want a string, have a mapping",
			"namespaceIsolation: want true or false, have a string", "paths: want a mapping, have a string",
		}},
		{"wrong values", header + `
clusterNetwork: flannel
defaultNetworks: [auto, {}, 7, Default/a, etc/]
globalNamespaces: [A_b]
builtins: sometimes
timeout: -1s
statusPublish: later
paths: {allow: [relative, /a/../b]}
plugins: {allow: ["", "[a"]}
tenants: {allow: {bridges: ["[b"], paths: [c]}}
host: {confDir: etc, binDir: "", conflist: a/b.conflist}
healthAddress: localhost
logLevel: loud`, []string{
			`clusterNetwork: "flannel" is no network`, `globalNamespaces[0]: "A_b"`, `builtins: "sometimes"`, `timeout: "-1s"`,
			`statusPublish: "later"`, `paths.allow[0]: "relative"`, `paths.allow[1]: "/a/../b"`,
			`plugins.allow[0]: ""`, `plugins.allow[1]: "[a"`, `tenants.allow.bridges[0]: "[b"`, `tenants.allow.paths[0]: "c"`, `host.confDir: "etc"`, `host.binDir: ""`,
			`host.conflist: "a/b.conflist"`, `healthAddress: "localhost"`, `logLevel: "loud"`, `defaultNetworks[0]: "auto" is no network`,
			"defaultNetworks[1]: the configuration has neither", "defaultNetworks[2]: want a CNI", `defaultNetworks[3]: "Default/a"`,
			`defaultNetworks[4]: "etc/"`,
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse([]byte(tt.text))
			var got Mistakes
			if !errors.As(err, &got) {
				t.Fatalf("got %v, want mistakes", err)
			}
			if len(got) != len(tt.want) {
				t.Fatalf("got %d mistakes, want %d: %v", len(got), len(tt.want), err)
			}
			for i, want := range tt.want {
				if !strings.Contains(got[i].Error(), want) {
					t.Errorf("mistake %d: got %q, want %q", i+1, got[i], want)
				}
			}
		})
	}
}

func TestReferenceHasTheDefaults(t *testing.T) {
	data, err := os.ReadFile(reference)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	for i := range reflect.TypeFor[Config]().NumField() {
		name := reflect.TypeFor[Config]().Field(i).Name
		g, w := reflect.ValueOf(got).Field(i), reflect.ValueOf(want).Field(i)
		// An empty list and an absent one are the same.
		if fmt.Sprint(g) != fmt.Sprint(w) {
			t.Errorf("%s: the reference has %v, the default is %v", name, g, w)
		}
	}
}

// Every key stands in the reference, under a comment of its own.
func TestReferenceIsComplete(t *testing.T) {
	data, err := os.ReadFile(reference)
	if err != nil {
		t.Fatal(err)
	}
	var top map[string]any
	if err := yaml.Unmarshal(data, &top); err != nil {
		t.Fatal(err)
	}
	covered(t, strings.Split(string(data), "\n"), top, reflect.TypeFor[AgentConfiguration](), "")
}

func covered(t *testing.T, lines []string, file map[string]any, of reflect.Type, indent string) {
	t.Helper()
	for i := range of.NumField() {
		field := of.Field(i)
		key, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		content, there := file[key]
		if !there {
			t.Errorf("the reference lacks %s", key)
			continue
		}
		if key != "apiVersion" && key != "kind" && !commented(lines, indent+key+":") {
			t.Errorf("the reference has no comment above %s", key)
		}
		if inner := field.Type; inner.Kind() == reflect.Pointer && inner.Elem().Kind() == reflect.Struct {
			mapping, _ := content.(map[string]any)
			covered(t, lines, mapping, inner.Elem(), indent+"  ")
		}
	}
}

func commented(lines []string, start string) bool {
	for i, line := range lines {
		if i > 0 && strings.HasPrefix(line, start) {
			return strings.HasPrefix(strings.TrimSpace(lines[i-1]), "# ")
		}
	}
	return false
}
