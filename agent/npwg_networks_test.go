package agent

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// networkClauses are about NetworkAttachmentDefinitions (section 3).
func networkClauses() []clause {
	return []clause{
		{1, "3.1", "The kind NetworkAttachmentDefinition is served: group `k8s.cni.cncf.io`, version `v1`, namespaced, `net-attach-def` for short, `spec.config` a string",
			conforms, "`kubectl apply -k deploy/` installs it; in `e2e/deploy`, `TestKindIsServed` asks an API server", proveKind},
		{2, "3.2", "An object without a usable spec stands for a network of its name that the implementation knows",
			conforms, "a file of that name in `confDir`", each(proveNetworkOnDisk)},
		{3, "3.2", "`spec.config` holds a CNI configuration or a list, and may leave the name out", conforms, "", each(proveConfigAndList)},
		{4, "3.2", "Who does not delegate may not use `spec.config` for configuration of its own", notApplicable, "Braid delegates", nil},
		{5, "3.3", "Names are DNS-1123 labels, of at most 63 characters", conforms, "", each(proveLabels)},
		{6, "3.4.1", "The configuration is `spec.config`, else the list of that name on disk, else the single configuration of that name on disk; else the request fails",
			conforms, "", each(proveOrderOfConfigurations)},
		{7, "3.4.2", "A `spec.config` without a name gets that of the object", conforms, "", each(proveNameInjected)},
		{8, "3.4.3", "The object and its CNI configuration should have the same name", notApplicable, "up to the author of the object; both ways work", nil},
	}
}

// The definition is the one that kubectl builds out of deploy/.
func proveKind(t *testing.T) {
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), "../deploy")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, resource := range built.Resources() {
		text, err := resource.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		if resource.GetKind() == "CustomResourceDefinition" && strings.Contains(string(text), "net-attach-def") {
			found = append(found, string(text))
		}
	}
	if len(found) != 1 {
		t.Fatalf("deploy/ defines the kind %d times", len(found))
	}
	var crd definition
	if err := yaml.Unmarshal([]byte(found[0]), &crd); err != nil {
		t.Fatal(err)
	}
	wantDefinition(t, crd)
}

// A definition is what the standard says of a CustomResourceDefinition.
type definition struct {
	Metadata struct{ Name string }
	Spec     struct {
		Group, Scope string
		Names        struct {
			Plural, Singular, Kind string
			ShortNames             []string
		}
		Versions []struct {
			Name            string
			Served, Storage bool
			Schema          struct{ OpenAPIV3Schema schema }
		}
	}
}

type schema struct {
	Type       string
	Properties map[string]schema
}

func wantDefinition(t *testing.T, crd definition) {
	t.Helper()
	names := crd.Spec.Names
	if crd.Metadata.Name != "network-attachment-definitions.k8s.cni.cncf.io" || crd.Spec.Group != "k8s.cni.cncf.io" || crd.Spec.Scope != "Namespaced" ||
		names.Plural != "network-attachment-definitions" || names.Singular != "network-attachment-definition" ||
		names.Kind != "NetworkAttachmentDefinition" || !slices.Equal(names.ShortNames, []string{"net-attach-def"}) {
		t.Errorf("the definition is %+v", crd)
	}
	if len(crd.Spec.Versions) != 1 {
		t.Fatalf("versions %+v", crd.Spec.Versions)
	}
	v := crd.Spec.Versions[0]
	if v.Name != "v1" || !v.Served || !v.Storage || v.Schema.OpenAPIV3Schema.Properties["spec"].Properties["config"].Type != "string" {
		t.Errorf("version %+v", v)
	}
}

// onDisk puts files into the folder of configurations that are found by name.
func (p *trial) onDisk(t *testing.T, files map[string]string) {
	t.Helper()
	dir := filepath.Join(p.home, "conf")
	p.config["confDir"] = dir
	for name, content := range files {
		put(t, filepath.Join(dir, name), content)
	}
}

func proveNetworkOnDisk(t *testing.T, p *trial) {
	config := strings.Replace(p.bridge("bra0", "", "10.10.0.0/24"), "{", `{"name":"known",`, 1)
	p.onDisk(t, map[string]string{"10-x.conf": config})
	for _, spec := range []string{"{}", "{config: ''}", "{colour: red}"} {
		p.nadOf(t, "default", "known", spec)
		p.add(t, "known")
		p.wantKernel(t, defaultV4, defaultV6, "eth0 10.1.0.2/24", "eth0 fd00:1::2/64", "net1 10.10.0.2/24")
		p.del(t)
	}
}

// The default network's default routes, as every pod has them.
const (
	defaultV4 = "default eth0 via 10.1.0.1"
	defaultV6 = "default eth0 via fd00:1::1"
)

// wantNets is wantKernel with the default network as every pod has it.
func (p *trial) wantNets(t *testing.T, want ...string) {
	t.Helper()
	p.wantKernel(t, append(want, defaultV4, defaultV6, "eth0 10.1.0.2/24", "eth0 fd00:1::2/64")...)
}

func proveConfigAndList(t *testing.T, p *trial) {
	p.doubles(t, "more")
	p.answer(t, "more.ADD", `{"cniVersion":"1.1.0","interfaces":[{"name":"net2","sandbox":"x"}]}`)
	p.nad(t, "single", p.bridge("bra0", "", "10.10.0.0/24"))
	p.nad(t, "list", `{"cniVersion":"1.1.0","plugins":[`+p.bridge("brb0", "", "10.11.0.0/24")+`,{"type":"more"}]}`)
	p.add(t, "single,list")
	p.wantNets(t, "net1 10.10.0.2/24", "net2 10.11.0.2/24")
	p.wantCalls(t, "ADD more net2")
}

func proveLabels(t *testing.T, p *trial) {
	long := strings.Repeat("a", 63)
	p.nad(t, long, p.bridge("bra0", "", "10.10.0.0/24"))
	p.add(t, long)
	p.wantNets(t, "net1 10.10.0.2/24")
	p.del(t)
	for _, name := range []string{long + "a", "Net", "-a", "a-", "a_b", "a.b"} {
		p.refuses(t, name, "is not a DNS-1123 label")
		p.refuses(t, `[{"name":"`+name+`"}]`, "is not a DNS-1123 label")
		p.refuses(t, name+"/a", "namespace: ", "is not a DNS-1123 label")
	}
}

func proveOrderOfConfigurations(t *testing.T, p *trial) {
	p.doubles(t, "inline", "list", "single")
	files := map[string]string{}
	for _, name := range []string{"a", "b"} {
		files["9-"+name+".conflist"] = `{"cniVersion":"1.1.0","name":"` + name + `","plugins":[{"type":"list"}]}`
	}
	for _, name := range []string{"a", "b", "c"} {
		files["0-"+name+".conf"] = `{"cniVersion":"1.1.0","name":"` + name + `","type":"single"}`
	}
	p.onDisk(t, files)
	p.nad(t, "a", `{"cniVersion":"1.1.0","type":"inline"}`)
	for _, name := range []string{"b", "c", "d"} {
		p.nad(t, name, "")
	}
	p.add(t, "a,b,c")
	p.wantCalls(t, "ADD inline net1", "ADD list net2", "ADD single net3")
	p.del(t)
	p.config["timeout"] = "200ms"
	p.refuses(t, "d", `no configuration named "d"`)
}

func proveNameInjected(t *testing.T, p *trial) {
	p.doubles(t, "double")
	p.nad(t, "conf", `{"cniVersion":"1.1.0","type":"double"}`)
	p.nad(t, "list", `{"cniVersion":"1.1.0","plugins":[{"type":"double"}]}`)
	p.nad(t, "named", `{"cniVersion":"1.1.0","name":"its-own","type":"double"}`)
	p.add(t, "conf,list,named")
	for ifname, name := range map[string]string{"net1": "conf", "net2": "list", "net3": "its-own"} {
		p.wantConfig(t, ifname, "name", quoted(name))
	}
}

func quoted(text string) string {
	data, _ := json.Marshal(text) // a string is always JSON
	return string(data)
}
