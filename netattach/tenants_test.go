package netattach

import "testing"

// A tenant's NAD is one in namespace blue; the pod is in it too.
func TestTenants(t *testing.T) {
	allow := `,"tenantsAllow":{"plugins":["bridge","macvlan","host-local"],"bridges":["br-blue-*"],"masters":["eth1"],"devices":["0000:03:00.1"],"paths":["/var/lib/blue"]}`
	config := func(rest string) string {
		return `{"cniVersion":"1.1.0","type":"bridge","bridge":"br-blue-1"` + rest + `}`
	}
	for _, test := range []struct {
		name, nad string
		mistakes  []string
	}{
		{name: "all that it names is allowed", nad: config(`,"ipam":{"type":"host-local","dataDir":"/var/lib/blue/leases"}`)},
		{name: "master", nad: `{"cniVersion":"1.1.0","type":"macvlan","master":"eth1"}`},
		{name: "plugin", nad: `{"cniVersion":"1.1.0","type":"host-device","device":"eth1"}`, mistakes: []string{
			`type "host-device": tenants may use plugins ["bridge" "macvlan" "host-local"] only`, `device: tenants may use ["0000:03:00.1"] only, not "eth1"`}},
		{name: "one of a chain", nad: `{"cniVersion":"1.1.0","plugins":[{"type":"bridge","bridge":"br-blue-1"},{"type":"tuning"}]}`,
			mistakes: []string{`type "tuning"`}},
		{name: "IPAM plugin", nad: config(`,"ipam":{"type":"dhcp"}`), mistakes: []string{`type "dhcp"`}},
		{name: "what a plugin delegates to", nad: config(`,"delegate":{"type":"bridge","bridge":"br-blue-1","ipam":{"type":"exec"}}`), mistakes: []string{`type "exec"`}},
		{name: "bridge", nad: `{"cniVersion":"1.1.0","type":"bridge","bridge":"br-green"}`, mistakes: []string{
			`NetworkAttachmentDefinition "blue/a": spec.config: bridge: tenants may use ["br-blue-*"] only, not "br-green": ask the administrator to extend tenants.allow.bridges`}},
		{name: "bridge that is not named", nad: `{"cniVersion":"1.1.0","type":"bridge"}`, mistakes: []string{"bridge: is not set and means cni0"}},
		{name: "bridge in another spelling", nad: `{"cniVersion":"1.1.0","type":"bridge","Bridge":"br-blue-1"}`, mistakes: []string{
			"bridge: is not set", `key "Bridge" must be written "bridge"`}},
		{name: "bridge that is no string", nad: `{"cniVersion":"1.1.0","type":"bridge","bridge":7}`, mistakes: []string{"bridge: is not a string"}},
		{name: "bridge further inside", nad: config(`,"delegate":{"type":"bridge","bridge":"br-green"}`), mistakes: []string{`not "br-green"`}},
		{name: "bridge of a delegate that is not named", nad: config(`,"delegate":{"type":"bridge"}`), mistakes: []string{"plugin 1: delegate: bridge: is not set"}},
		{name: "links of a bond", nad: `{"cniVersion":"1.1.0","type":"macvlan","master":"eth1","links":[{"name":"eth1"},{"name":"eth0"},7]}`, mistakes: []string{
			`links: tenants may use ["eth1"] only, not "eth0": ask the administrator to extend tenants.allow.masters`, "links: is not a string"}},
		{name: "paths of whereabouts", nad: config(`,"ipam":{"type":"host-local","log_file":"/etc/passwd","configuration_path":"/var/lib/blue/../w.conf","kubernetes":{"kubeconfig":"/var/lib/blue/k"}}`),
			mistakes: []string{"configuration_path: tenants may use", `log_file: tenants may use ["/var/lib/blue"] only, not "/etc/passwd": ask the administrator to extend tenants.allow.paths`}},
		{name: "master that is not named", nad: `{"cniVersion":"1.1.0","type":"macvlan"}`, mistakes: []string{"master: is not set"}},
		{name: "device", nad: config(`,"pciBusID":"0000:04:00.1"`), mistakes: []string{"pciBusID: tenants may use"}},
		{name: "path that others may use", nad: config(`,"ipam":{"type":"host-local","dataDir":"/var/lib/cni/networks"}`), mistakes: []string{
			`dataDir: "/var/lib/cni/networks" is not beneath one of ["/var/lib/blue"]`}},
		{name: "configuration of the administrator", nad: " ", mistakes: []string{"spec.config: is empty"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			in := scene{config: main + allow, namespace: "blue", networks: "a", nads: map[string]string{"blue/a": test.nad}}.input(t)
			in.Tenants = map[string]bool{"blue": true}
			_, err := NewPlan(in)
			checkMistakes(t, err, test.mistakes)
		})
	}
}

func TestTenantMayUseNothingUnlessAllowed(t *testing.T) {
	in := scene{config: main, networks: "a", nads: map[string]string{"ns/a": `{"cniVersion":"1.1.0","type":"bridge","bridge":"br-a"}`}}.input(t)
	if _, err := NewPlan(in); err != nil {
		t.Fatalf("in a namespace without the label: %v", err)
	}
	in.Tenants = map[string]bool{"ns": true}
	_, err := NewPlan(in)
	checkMistakes(t, err, []string{`type "bridge": tenants may use plugins [] only`, "bridge: tenants may use [] only"})
}

func TestPluginsAllow(t *testing.T) {
	for _, test := range []struct {
		name, config, nad string
		mistakes          []string
	}{
		{name: "not set", nad: `{"cniVersion":"1.1.0","type":"anything"}`},
		{name: "built in", config: `,"pluginsAllow":[]`, nad: `{"cniVersion":"1.1.0","type":"bridge","ipam":{"type":"host-local"}}`},
		{name: "allowed", config: `,"pluginsAllow":["mac*","dhcp"]`, nad: `{"cniVersion":"1.1.0","type":"macvlan","ipam":{"type":"dhcp"}}`},
		{name: "neither", config: `,"pluginsAllow":["macvlan"]`, nad: `{"cniVersion":"1.1.0","type":"macvlan","ipam":{"type":"exec"}}`, mistakes: []string{
			`NetworkAttachmentDefinition "ns/a": spec.config: type "exec": is neither built in nor one of the plugins ["macvlan"]: ask the administrator to extend plugins.allow`}},
		{name: "built in, but never used", config: `,"pluginsAllow":[],"builtins":"never"`, nad: `{"cniVersion":"1.1.0","type":"bridge"}`, mistakes: []string{`type "bridge"`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			in := scene{config: main + test.config, networks: "a", nads: map[string]string{"ns/a": test.nad}}.input(t)
			in.Builtin = []string{"bridge", "host-local"}
			_, err := NewPlan(in)
			checkMistakes(t, err, test.mistakes)
		})
	}
}

func TestMistakesInWhatIsAllowed(t *testing.T) {
	_, _, err := ParseConfig([]byte(`{"cniVersion":"1.1.0","name":"braid","type":"braid","clusterNetwork":"/x",
		"pluginsAllow":["[a"],"tenantsAllow":{"bridges":["","["],"paths":["../x"],"vlans":[1]}}`))
	checkMistakes(t, err, []string{
		`pluginsAllow: "[a" is not a name`, `tenantsAllow: unknown key "vlans"`, `tenantsAllow: paths: "../x" is not a clean`,
		`tenantsAllow: "" is not a name`, `tenantsAllow: "[" is not a name`,
	})
}
