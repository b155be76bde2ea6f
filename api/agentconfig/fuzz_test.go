package agentconfig

import (
	"encoding/json"
	"errors"
	"os"
	"path"
	"reflect"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/yaml"
)

// FuzzParse: a file is refused with its mistakes and nothing else, or it keeps its promises, means the same in JSON, and
// would have been refused with one more key that there is not.
func FuzzParse(f *testing.F) {
	whole, err := os.ReadFile(reference)
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{
		string(whole), header, header + "timeout: 1s\ntimeout: 2s", header + "host: {confDir: /a, conflist: \"\"}\nlogLevel: debug",
		header + "clusterNetwork: kube-system/pods\ndefaultNetworks: [default/a, {plugins: [{type: x}]}]",
		header + "paths: {allow: [/srv, /a/../b]}\nglobalNamespaces: [shared]", header + "? [a]\n: b", "a: &a [*a]", header + "timeout: \"\\e[31m\"",
		`{"apiVersion":"config.braid.dev/v1alpha1","kind":"AgentConfiguration","Timeout":"1s"}`, "--- \n---\n", "%YAML 1.2\n---\n" + header,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse(data)
		if err != nil {
			var m Mistakes
			if !errors.As(err, &m) || len(m) == 0 || !reflect.DeepEqual(c, Config{}) {
				t.Errorf("refused with %+v, %v", c, err)
			}
			return
		}
		checkPromises(t, c)
		checkStrict(t, data, c)
	})
}

func checkPromises(t *testing.T, c Config) {
	t.Helper()
	for _, p := range append([]string{c.ConfDir, c.BinDir}, c.PathsAllow...) {
		if !path.IsAbs(p) || path.Clean(p) != p {
			t.Errorf("path %q", p)
		}
	}
	for _, name := range slices.Concat(c.GlobalNamespaces, c.SystemNamespaces) {
		if len(validation.IsDNS1123Label(name)) > 0 {
			t.Errorf("namespace %q", name)
		}
	}
	for _, n := range append(slices.Clone(c.DefaultNetworks), c.ClusterNetwork) {
		if n.Auto == (n.Raw != nil) || !n.Auto && !json.Valid(n.Raw) {
			t.Errorf("network %+v", n)
		}
	}
	if c.Timeout <= 0 || strings.Contains(c.Conflist, "/") || !slices.Contains([]string{"prefer", "only", "never"}, c.Builtins) ||
		!slices.Contains([]string{"async", "sync"}, c.StatusPublish) {
		t.Errorf("%+v", c)
	}
}

// checkStrict writes the file as JSON, first as it is, then with a key that nobody knows.
func checkStrict(t *testing.T, data []byte, c Config) {
	t.Helper()
	same, err := yaml.YAMLToJSONStrict(onlyDocument(t, data))
	if err != nil {
		t.Fatal(err)
	}
	if again, err := Parse(same); err != nil || !reflect.DeepEqual(again, c) {
		t.Errorf("in JSON %s is %+v, %v, want %+v", same, again, err, c)
	}
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(same, &keys); err != nil {
		t.Fatal(err)
	}
	keys["unheardOf"] = json.RawMessage("1")
	text, _ := json.Marshal(keys)
	if _, err := Parse(text); err == nil {
		t.Errorf("%s passes", text)
	}
}

func onlyDocument(t *testing.T, data []byte) []byte {
	t.Helper()
	docs, err := documents(data)
	if err != nil || len(docs) != 1 {
		t.Fatalf("%d documents, %v", len(docs), err)
	}
	return docs[0]
}
