package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/types/create"

	"github.com/braid-cni/braid/api/agentconfig"
	"github.com/braid-cni/braid/kernel/kerneltest"
	"github.com/braid-cni/braid/netattach"
	"github.com/braid-cni/braid/wire"
)

// FuzzHandle: a runtime's call with any environment and stdin, for a pod with any annotation and NAD, on the way that
// it takes through the door's reading, the frame and the agent. It has one answer: a result, which DEL takes back, or
// a CNI error that can be shown, after which nothing is left.
func FuzzHandle(f *testing.F) {
	const bridge = `{"cniVersion":"1.1.0","type":"bridge","bridge":"bra0","ipam":{"type":"host-local","dataDir":"/leases","ranges":[[{"subnet":"10.10.0.0/24"}]]}}`
	const config = `{"cniVersion":"1.1.0","name":"braid","type":"braid","pathsAllow":["/leases"],"clusterNetwork":` + bridge + `}`
	for _, s := range []struct{ command, ifname, args, stdin, networks, nad string }{
		{"ADD", "eth0", "", config, "a", bridge},
		{"ADD", "eth0", ";IP=10.10.0.9", config, `[{"name":"a","interface":"x1","default-route":["10.10.0.1"]}]`, bridge},
		{"ADD", "eth0", "", config, "a,a@x", `{"cniVersion":"1.0.0","plugins":[{"type":"bridge","bridge":"b"},{"type":"bridge","bridge":"b"}]}`},
		{"ADD", "eth0", "", config, `[{"name":"a","ips":["10.10.0.3"]}]`, `{"cniVersion":"0.4.0","type":"bridge","capabilities":{"ips":true},"ipam":{"type":"static"}}`},
		{"ADD", "eth0", "", `{"cniVersion":"1.0.0","name":"braid","type":"braid","prevResult":{"cniVersion":"1.0.0","ips":[{"address":"10.0.0.2/24"}]}}`, "a", bridge},
		{"ADD", "eth0", "", `{"cniVersion":"1.0.0","name":"braid","type":"braid","prevResult":{"cniVersion":"1.0.0"}}`, "", ""},
		{"ADD", "eth0", "", `{"cniVersion":"0.3.1","name":"m","type":"multus","delegates":[` + bridge + `]}`, "", ""},
		{"ADD", "eth0", "", `{"cniVersion":"1.1.0","name":"braid","type":"braid","clusterNetwork":"/etc/cni/net.d"}`, "", ""},
		{"ADD", "eth0", "", strings.Replace(config, `{"cniVersion":"1.1.0","type":"bridge"`, `{"cniVersion":"x.1.0","type":"bridge"`, 1), "", ""},
		{"ADD", "eth0", "", config, "a", `{"cniVersion":"1.1.0","type":"bridge","bridge":"bra0","mtu":"big"}`},
		{"ADD", "e/0", "", config, "\x1b[31m", "\x1b"},
		{"DEL", "eth0", "", config, "", ""},
		{"CHECK", "eth0", "", `{"cniVersion":"\u001b[31m"}`, "", ""},
		{"STATUS", "", "", config, "", ""},
		{"GC", "", "", config[:len(config)-1] + `,"cni.dev/valid-attachments":[{"containerID":"c1","ifname":"eth0"}]}`, "", ""},
	} {
		f.Add(s.command, s.ifname, s.args, []byte(s.stdin), s.networks, s.nad)
	}
	n := newNodeIn(f, kerneltest.NewFake(), f.TempDir(), "/")
	netns := n.world.Netns(f)
	f.Fuzz(func(t *testing.T, command, ifname, args string, stdin []byte, networks, nad string) {
		n.pod(t, "web", networks)
		n.nad(t, "a", nad)
		before := n.state(t, netns)
		r, refused := wire.ReadCall("braid", lookUp(map[string]string{
			"CNI_COMMAND": command, "CNI_CONTAINERID": "c1", "CNI_NETNS": netns, "CNI_IFNAME": ifname, "CNI_PATH": "/bin",
			"CNI_ARGS": "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web" + args,
		}), bytes.NewReader(stdin))
		if refused != nil || r.Command == "VERSION" {
			return // FuzzReadCall is about these
		}
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond) // files are waited for
		defer cancel()
		n.checkAnswer(t, r, n.over(ctx, t, r))
		if after := n.state(t, netns); after != before {
			t.Errorf("left behind:\n%s\nbefore:\n%s", after, before)
		}
		n.checkShown(t)
	})
}

func lookUp(env map[string]string) func(string) string {
	return func(name string) string { return env[name] }
}

// over sends a call through a frame and has it answered.
func (n *node) over(ctx context.Context, t *testing.T, r *wire.Request) *wire.Response {
	t.Helper()
	var frame bytes.Buffer
	got := new(wire.Request)
	if err := wire.Write(&frame, r); err != nil {
		t.Fatal(err)
	}
	if err := wire.Read(&frame, got); err != nil {
		t.Fatal(err)
	}
	return n.Handle(ctx, got)
}

// checkAnswer takes back what an ADD made.
func (n *node) checkAnswer(t *testing.T, r *wire.Request, answer *wire.Response) {
	t.Helper()
	if answer.Failed {
		checkError(t, answer.Output)
		return
	}
	if r.Command != "ADD" {
		if len(answer.Output) > 0 {
			t.Errorf("%s is answered with %s", r.Command, answer.Output)
		}
		return
	}
	if _, err := create.CreateFromBytes(answer.Output); err != nil {
		t.Errorf("%s is no result: %v", answer.Output, err)
	}
	r.Command = "DEL"
	if answer := n.over(context.Background(), t, r); answer.Failed {
		t.Errorf("DEL: %s", answer.Output)
	}
}

func checkError(t *testing.T, output []byte) {
	t.Helper()
	var got types.Error
	var version struct{ CNIVersion string }
	if err := json.Unmarshal(output, &got); err != nil || json.Unmarshal(output, &version) != nil {
		t.Fatalf("%s is no CNI error: %v", output, err)
	}
	if got.Code == 0 || got.Msg == "" || version.CNIVersion == "" {
		t.Errorf("%s lacks a part", output)
	}
	if strings.Contains(got.Msg, errOwn.Error()) {
		t.Errorf("a call panicked: %s", output)
	}
	checkPrintable(t, got.Msg)
	checkPrintable(t, got.Details)
}

func checkPrintable(t *testing.T, text string) {
	t.Helper()
	for _, c := range text {
		if !unicode.IsPrint(c) {
			t.Errorf("%q is not to be shown to people", text)
			return
		}
	}
}

// checkShown looks at what people see of a call beside its answer, and clears it.
func (n *node) checkShown(t *testing.T) {
	t.Helper()
	for _, e := range n.events.take() {
		checkPrintable(t, e.Message)
	}
	for line := range bytes.Lines(n.log.Bytes()) {
		checkPrintable(t, string(bytes.TrimSuffix(line, []byte("\n"))))
	}
	n.log.Reset()
}

// FuzzRender: an AgentConfiguration that is accepted becomes a CNI configuration that says the same to the agent.
func FuzzRender(f *testing.F) {
	for _, seed := range []string{
		"", "clusterNetwork: {plugins: [{type: bridge}]}\ndefaultNetworks: [default/a, /etc/cni/net.d, {type: x}]",
		"timeout: 90s\nstatusPublish: sync\nbuiltins: only\nnamespaceIsolation: false\nglobalNamespaces: [shared]\nsystemNamespaces: []",
		"paths: {allow: [/srv, /]}\nplugins: {allow: [mac*]}\nhost: {binDir: /srv/bin}",
		"tenants: {allow: {plugins: [bridge], bridges: [br-blue-*], masters: [eth1], devices: [0000:03:00.1], paths: [/srv]}}",
	} {
		f.Add([]byte(confHeader + seed))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		c, err := agentconfig.Parse(file)
		if err != nil {
			return // agentconfig.FuzzParse is about these
		}
		network := c.ClusterNetwork.Raw
		if c.ClusterNetwork.Auto {
			network = []byte(`{"type":"bridge"}`)
		}
		got, _, err := netattach.ParseConfig(renderedPlugin(t, c, string(network)))
		if err != nil {
			t.Fatalf("the agent refuses it: %v", err)
		}
		said := fmt.Sprint(c.NamespaceIsolation, c.GlobalNamespaces, c.SystemNamespaces, c.Builtins, c.Timeout, c.StatusPublish, c.PathsAllow,
			c.PluginsAllow, c.TenantsAllow, c.BinDir, len(c.DefaultNetworks))
		heard := fmt.Sprint(got.NamespaceIsolation, got.GlobalNamespaces, got.SystemNamespaces, got.Builtins, got.Timeout, got.StatusPublish, got.PathsAllow,
			got.PluginsAllow, got.Tenants, got.BinDir, len(got.DefaultNetworks))
		if heard != said {
			t.Errorf("the agent understands\n%s\nof\n%s", heard, said)
		}
	})
}
