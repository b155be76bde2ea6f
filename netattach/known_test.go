package netattach

import (
	"reflect"
	"strings"
	"testing"

	netv1 "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
)

// What is remembered of a network is the same for all pods that have it. A plan after many others is what it is without them.
func TestPlansDoNotDependOnThoseBefore(t *testing.T) {
	const meta = `{"cniVersion":"1.1.0","name":"braid","type":"braid","namespaceIsolation":false,"pluginsAllow":["tuning"],"pathsAllow":["/allowed"],` +
		`"tenantsAllow":{"plugins":["bridge"]},"clusterNetwork":` + shared + `,"defaultNetworks":[` + shared + `]}`
	known := new(Known)
	for range 2 {
		for name, in := range plansOfOne() {
			config, _, err := ParseConfig([]byte(meta))
			if err != nil {
				t.Fatal(err)
			}
			in.Config, in.IfName, in.ContainerID = config, "eth0", "c1"
			want, wantErr := NewPlan(in)
			in.Known = known
			got, gotErr := NewPlan(in)
			if !reflect.DeepEqual(got, want) || errorText(gotErr) != errorText(wantErr) {
				t.Errorf("%s: got %+v, %v\nwant %+v, %v", name, got, gotErr, want, wantErr)
			}
		}
	}
}

// shared is the configuration of all networks of this test.
const shared = `{"cniVersion":"1.0.0","name":"n","type":"bridge","dataDir":"/allowed/x","capabilities":{"mac":true}}`

// plansOfOne are pods whose networks have the same configuration, and come of it to something else each.
func plansOfOne() map[string]Input {
	nads := func(config string) map[Key]*netv1.NetworkAttachmentDefinition {
		all := map[Key]*netv1.NetworkAttachmentDefinition{}
		for _, name := range []string{"a", "b"} {
			all[Key{Namespace: "ns", Name: name}] = &netv1.NetworkAttachmentDefinition{Spec: netv1.NetworkAttachmentDefinitionSpec{Config: config}}
		}
		return all
	}
	pod := func(networks string) *Pod {
		return &Pod{Namespace: "ns", Name: "p", Annotations: map[string]string{NetworksAnnotation: networks}}
	}
	nameless := strings.Replace(shared, `"name":"n",`, "", 1)
	device := nads(shared)
	device[Key{Namespace: "ns", Name: "a"}].Annotations = map[string]string{ResourceNameAnnotation: "vendor/nic"}
	return map[string]Input{
		"no pod":                    {},
		"two NADs":                  {Pod: pod("a,b"), NADs: nads(shared)},
		"two NADs without a name":   {Pod: pod("a,b"), NADs: nads(nameless)},
		"a plugin not allowed":      {Pod: pod("a"), NADs: nads(strings.Replace(shared, "bridge", "macvlan", 1))},
		"a plugin that is built in": {Pod: pod("a"), NADs: nads(strings.Replace(shared, "bridge", "macvlan", 1)), Builtin: []string{"macvlan"}},
		"a tenant":                  {Pod: pod("a"), NADs: nads(shared), Tenants: map[string]bool{"ns": true}},
		"a path not allowed":        {Pod: pod("a"), NADs: nads(strings.Replace(shared, "/allowed", "/etc", 1))},
		"no version":                {Pod: pod("a"), NADs: nads(`{"name":"n","type":"bridge"}`), Builtin: []string{"bridge"}},
		"arguments of the pod":      {Pod: pod(`[{"name":"a","mac":"02:00:00:00:00:01","cni-args":{"x":"y"}}]`), NADs: nads(shared), Builtin: []string{"bridge"}},
		"a device of the pod":       {Pod: pod("a"), NADs: device, Devices: map[string][]string{"vendor/nic": {"0000:01:00.0"}}, Builtin: []string{"bridge"}},
		"no JSON":                   {Pod: pod("a"), NADs: nads("{")},
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
