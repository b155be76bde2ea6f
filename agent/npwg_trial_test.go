package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/braid-cni/braid/store"
	"github.com/braid-cni/braid/wire"
)

// A trial is where a clause is proved: a node with the pod default/web, whose default network is the bridge brd0 with
// addresses and default routes of both families.
type trial struct {
	*node
	netns string
	// home holds the delegate doubles; binaries are found in its folder bin.
	home string
	// config is what the runtime sends.
	config map[string]any
}

// each is a proof on the fake and on the real kernel. Afterwards the pod is deleted, and nothing may be left.
func each(prove func(t *testing.T, p *trial)) func(t *testing.T) {
	return func(t *testing.T) {
		eachNode(t, func(t *testing.T, n *node) {
			p := newTrial(t, n)
			before := n.state(t, p.netns)
			prove(t, p)
			p.del(t)
			if after := n.state(t, p.netns); after != before {
				t.Errorf("left behind:\n%s\nbefore:\n%s", after, before)
			}
		})
	}
}

func newTrial(t *testing.T, n *node) *trial {
	t.Helper()
	p := &trial{node: n, netns: n.world.Netns(t), home: t.TempDir()}
	p.config = map[string]any{
		"cniVersion": "1.1.0", "name": "braid", "type": "braid", "timeout": "2s", "pathsAllow": []string{n.leases},
		"clusterNetwork": json.RawMessage(p.bridge("brd0", `"isDefaultGateway":true`, "10.1.0.0/24", "fd00:1::/64")),
	}
	p.web(t, "")
	return p
}

// bridge is the configuration of a bridge with addresses of each range; more are further fields, or "".
func (p *trial) bridge(name, more string, ranges ...string) string {
	var sets []string
	for _, r := range ranges {
		sets = append(sets, fmt.Sprintf(`[{"subnet":%q}]`, r))
	}
	if more != "" {
		more = "," + more
	}
	return fmt.Sprintf(`{"cniVersion":"1.1.0","type":"bridge","bridge":%q%s,"ipam":{"type":"host-local","dataDir":%q,"ranges":[%s]}}`,
		name, more, p.leases, strings.Join(sets, ","))
}

// withDouble makes NADs whose plugins are doubles of the same name, which declare the capabilities.
func (p *trial) withDouble(t *testing.T, names []string, capabilities ...string) {
	t.Helper()
	declared := map[string]bool{}
	for _, c := range capabilities {
		declared[c] = true
	}
	for _, name := range names {
		p.doubles(t, name)
		config, err := json.Marshal(map[string]any{"cniVersion": "1.1.0", "type": name, "capabilities": declared})
		if err != nil {
			t.Fatal(err)
		}
		p.nad(t, name, string(config))
	}
}

// nadOf makes a NAD of any namespace; spec is YAML.
func (p *trial) nadOf(t *testing.T, namespace, name, spec string) {
	t.Helper()
	p.apply(t, "nad-"+namespace+"-"+name+".yaml",
		fmt.Sprintf("kind: NetworkAttachmentDefinition\nmetadata: {name: %s, namespace: %s}\nspec: %s\n", name, namespace, spec))
}

// web makes the pod with its networks.
func (p *trial) web(t *testing.T, networks string) { p.annotate(t, networks, "") }

// annotate makes the pod with both annotations.
func (p *trial) annotate(t *testing.T, networks, first string) {
	t.Helper()
	annotations := map[string]string{"k8s.v1.cni.cncf.io/networks": networks, "v1.multus-cni.io/default-network": first}
	maps.DeleteFunc(annotations, func(_, v string) bool { return v == "" })
	raw, err := json.Marshal(map[string]any{"kind": "Pod", "metadata": map[string]any{"name": "web", "annotations": annotations}})
	if err != nil {
		t.Fatal(err)
	}
	p.apply(t, "pod-web.json", string(raw))
}

// ask makes a call for the pod as the runtime does and returns what the door would print.
func (p *trial) ask(t *testing.T, command string) (string, bool) {
	t.Helper()
	return p.askFor(t, command, "default", "web")
}

// askFor is ask for any pod.
func (p *trial) askFor(t *testing.T, command, namespace, pod string) (string, bool) {
	t.Helper()
	r := p.request(command, "c1", p.netns, pod)
	r.Args = "IgnoreUnknown=1;K8S_POD_NAMESPACE=" + namespace + ";K8S_POD_NAME=" + pod
	r.Path = p.home + "/bin"
	var err error
	if r.Config, err = json.Marshal(p.config); err != nil {
		t.Fatal(err)
	}
	answer := p.Handle(context.Background(), r)
	return string(answer.Output), !answer.Failed
}

func (p *trial) must(t *testing.T, command string) string {
	t.Helper()
	out, ok := p.ask(t, command)
	if !ok {
		t.Fatalf("%s: %s", command, out)
	}
	return out
}

// add gives the pod these networks.
func (p *trial) add(t *testing.T, networks string) {
	t.Helper()
	p.web(t, networks)
	p.must(t, "ADD")
}

// del deletes the pod. The next one gets the same addresses: host-local forgets which it gave last.
func (p *trial) del(t *testing.T) {
	t.Helper()
	p.must(t, "DEL")
	last, err := filepath.Glob(filepath.Join(p.leases, "*", "last_reserved_ip.*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range last {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
}

// refuses: with these networks ADD fails for each of the reasons, and nothing is done.
func (p *trial) refuses(t *testing.T, networks string, reasons ...string) {
	t.Helper()
	p.web(t, networks)
	p.fails(t, networks, reasons...)
}

// fails: ADD fails for each of the reasons, before any plugin is called. name is for people.
func (p *trial) fails(t *testing.T, name string, reasons ...string) {
	t.Helper()
	before, called := p.state(t, p.netns), len(p.calls(t))
	out, ok := p.ask(t, "ADD")
	var said wire.Error
	if err := json.Unmarshal([]byte(out), &said); ok || err != nil {
		t.Errorf("%s: ADD answered %s", name, out)
	}
	for _, reason := range reasons {
		if !strings.Contains(said.Msg, reason) {
			t.Errorf("%s: %q lacks %q", name, said.Msg, reason)
		}
	}
	if after := p.state(t, p.netns); after != before {
		t.Errorf("%s: left behind:\n%s\nbefore:\n%s", name, after, before)
	}
	if now := p.calls(t); len(now) != called {
		t.Errorf("%s: a double was called: %+v", name, now[called:])
	}
}

// inPod is what the kernel has in the pod: lines "net1 10.10.0.2/24" of addresses and "default net1 via 10.10.0.1" of default
// routes, sorted.
func (p *trial) inPod(t *testing.T) []string {
	t.Helper()
	lines := []string{}
	_, inPod, _ := strings.Cut(p.world.Dump(t, p.netns), "pod0\n")
	for line := range strings.Lines(inPod) {
		switch word := strings.Fields(line); {
		case word[0] == "address":
			lines = append(lines, word[1]+" "+word[2])
		case word[0] == "route" && strings.HasSuffix(word[1], "/0"):
			lines = append(lines, "default "+strings.Join(word[3:6], " "))
		}
	}
	slices.Sort(lines)
	return lines
}

// wantKernel compares all of inPod.
func (p *trial) wantKernel(t *testing.T, want ...string) {
	t.Helper()
	got := p.inPod(t)
	if slices.Sort(want); !slices.Equal(got, want) {
		t.Errorf("the pod has\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// wantMAC compares the MAC that the kernel has.
func (p *trial) wantMAC(t *testing.T, ifname, want string) {
	t.Helper()
	pod, err := p.Kernel.Open(p.netns)
	if err != nil {
		t.Fatal(err)
	}
	defer pod.Close()
	link, err := pod.Link(ifname)
	if err != nil {
		t.Fatal(err)
	}
	if link.MAC.String() != want {
		t.Errorf("%s has MAC %s, want %s", ifname, link.MAC, want)
	}
}

// status is the value of network-status, a map an attachment.
func (p *trial) status(t *testing.T) (list []map[string]any) {
	t.Helper()
	c, err := p.Store.Container(store.Key("c1", "eth0"))
	if err != nil || c == nil {
		t.Fatal(c, err)
	}
	if err := json.Unmarshal([]byte(c.Status), &list); err != nil {
		t.Fatal(err)
	}
	return list
}

// wantStatus compares keys of one map of network-status with JSON; "" is for a key that must be absent.
func (p *trial) wantStatus(t *testing.T, i int, want map[string]string) {
	t.Helper()
	entry := p.status(t)[i]
	for key, text := range want {
		got := ""
		if v, found := entry[key]; found {
			data, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			got = string(data)
		}
		if got != text {
			t.Errorf("status %d has %s = %s, want %s", i, key, got, text)
		}
	}
}
