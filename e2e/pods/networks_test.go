package pods

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	"github.com/braid-cni/braid/e2e/suite"
)

const selection = "k8s.v1.cni.cncf.io/networks"

// keys are those of a CNI configuration.
type keys map[string]any

// bridgeNetwork is a network of the plugin bridge with addresses of one range, the same on every node.
func bridgeNetwork(bridge, subnet string, more keys) keys {
	config := keys{
		"cniVersion": "1.1.0", "type": "bridge", "bridge": bridge,
		"ipam": keys{"type": "host-local", "ranges": [][]keys{{{"subnet": subnet}}}},
	}
	maps.Copy(config, more)
	return config
}

// nad is the manifest of a network in namespace default.
func nad(name string, config any) string {
	text, ok := config.(string)
	if !ok {
		encoded, err := json.Marshal(config)
		if err != nil {
			panic(err) // a test's own literal
		}
		text = string(encoded)
	}
	return fmt.Sprintf("apiVersion: k8s.cni.cncf.io/v1\nkind: NetworkAttachmentDefinition\nmetadata: {name: %s}\nspec: {config: %q}\n", name, text)
}

// applyNetworks applies networks for the time of the test.
func applyNetworks(t *suite.Test, networks map[string]any) {
	t.Helper()
	var manifests []string
	for name, config := range networks {
		manifests = append(manifests, nad(name, config))
	}
	t.Apply(strings.Join(manifests, "---\n"))
}

// selecting is the annotation that asks for networks.
func selecting(networks string) map[string]string { return map[string]string{selection: networks} }
