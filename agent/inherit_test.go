package agent

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containernetworking/cni/libcni"

	"github.com/braid-cni/braid/store"
)

// legacy is a container that somebody else attached to eth0 and net1: the kernel and the leases are as if they were not
// Braid's, and the store knows nothing of it.
func (n *node) legacy(t *testing.T, netns string) []store.Attachment {
	t.Helper()
	n.nad(t, "neta", n.network("bra0", "10.10.0.0/24", ""))
	n.pod(t, "old", "neta")
	n.mustCall(t, "ADD", "c1", netns, "old")
	c, err := n.Store.Container(store.Key("c1", "eth0"))
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Store.Forget(c.Key()); err != nil {
		t.Fatal(err)
	}
	return c.Attachments
}

// writeJSON puts a file into the node's root.
func (n *node) writeJSON(t *testing.T, path string, v any) {
	t.Helper()
	text, isText := v.(string)
	data := []byte(text)
	if !isText {
		var err error
		if data, err = json.Marshal(v); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(n.Root, path)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// resultFile is what libcni keeps of an attachment.
func resultFile(at store.Attachment) map[string]any {
	return map[string]any{
		"kind": libcni.CNICacheV1, "containerId": "c1", "config": []byte(at.Config), "ifName": at.IfName, "networkName": at.Network,
		"cniArgs": at.Args, "result": at.Result,
	}
}

func TestPodsFromBeforeBraidLeaveCleanly(t *testing.T) {
	for _, test := range []struct {
		name  string
		files func(all []store.Attachment) map[string]any
	}{
		{"a CNI that the runtime called", func(all []store.Attachment) map[string]any {
			return map[string]any{"results/cbr0-c1-eth0": resultFile(all[0]), "multus/results/a-c1-net1": resultFile(all[1])}
		}},
		{"Multus", func(all []store.Attachment) map[string]any {
			return map[string]any{
				"multus/c1":                   []map[string]any{{"Bytes": []byte(all[0].Config)}, {"Bytes": []byte(all[1].Config)}},
				"multus/results/cbr0-c1-eth0": resultFile(all[0]),
				"multus/results/a-c1-net1":    resultFile(all[1]),
				"results/multus-cni-network-c1-eth0": map[string]any{
					"kind": libcni.CNICacheV1, "containerId": "c1", "ifName": "eth0", "config": []byte(`{"cniVersion":"1.0.0","name":"m","type":"multus"}`),
				},
			}
		}},
		{"Multus, whose results were lost", func(all []store.Attachment) map[string]any {
			return map[string]any{"multus/c1": []map[string]any{{"Bytes": []byte(all[0].Config)}, {"Bytes": []byte(all[1].Config), "ifnameRequest": "net1"}}}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			eachNode(t, func(t *testing.T, n *node) {
				n.Root = t.TempDir()
				netns := n.world.Netns(t)
				before := n.state(t, netns)
				for name, content := range test.files(n.legacy(t, netns)) {
					n.writeJSON(t, filepath.Join("/var/lib/cni", name), content)
				}
				n.mustCall(t, "DEL", "other", netns, "old")
				if n.state(t, netns) == before {
					t.Fatal("DEL of another container has taken everything away")
				}
				n.mustCall(t, "DEL", "c1", netns, "old")
				if after := n.state(t, netns); after != before {
					t.Errorf("left behind:\n%s\nbefore:\n%s", after, before)
				}
				if left := filesBelow(t, n.Root); strings.Contains(left, "net1") || strings.Contains(left, "multus/c1") || strings.Contains(left, "cbr0") {
					t.Errorf("left: %s", left)
				}
				n.mustCall(t, "DEL", "c1", "", "old")
			})
		})
	}
}

func filesBelow(t *testing.T, dir string) string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			all = append(all, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(all)
}

// What a crash truncated says nothing any more: DEL must not fail for ever over it.
func TestBrokenCachesFromBeforeBraidAreReported(t *testing.T) {
	eachNode(t, func(t *testing.T, n *node) {
		n.Root = t.TempDir()
		n.writeJSON(t, "/var/lib/cni/multus/c1", `[{"Bytes":`)
		n.writeJSON(t, "/var/lib/cni/results/cbr0-c1-eth0", ``)
		n.mustCall(t, "DEL", "c1", "", "old")
		for _, file := range []string{"/var/lib/cni/multus/c1", "/var/lib/cni/results/cbr0-c1-eth0"} {
			if !strings.Contains(n.log.String(), file) {
				t.Errorf("the log does not name %s:\n%s", file, n.log)
			}
		}
	})
}

// GC keeps the leases of pods that the runtime lists and Braid did not attach.
func TestGCKeepsPodsFromBeforeBraid(t *testing.T) {
	eachNode(t, func(t *testing.T, n *node) {
		netns, other := n.world.Netns(t), n.world.Netns(t)
		n.Root = t.TempDir()
		all := n.legacy(t, netns)
		n.writeJSON(t, "/var/lib/cni/multus/c1", []map[string]any{{"Bytes": []byte(all[0].Config)}, {"Bytes": []byte(all[1].Config)}})
		n.pod(t, "new", "neta")
		n.mustCall(t, "ADD", "c2", other, "new")
		before := n.state(t, netns, other)
		r := n.request("GC", "", "", "")
		r.Config = []byte(strings.Replace(string(r.Config), "{", `{"cni.dev/valid-attachments":[{"containerID":"c1","ifname":"eth0"},{"containerID":"c2","ifname":"eth0"}],`, 1))
		if answer := n.Handle(t.Context(), r); answer.Failed {
			t.Fatal(string(answer.Output))
		}
		if after := n.state(t, netns, other); after != before {
			t.Errorf("GC changed\n%s\nto\n%s", before, after)
		}
	})
}
