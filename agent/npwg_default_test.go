package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/braid-cni/braid/cluster/kube"
	"github.com/braid-cni/braid/wire"
)

// kubeAt is the cluster as an API server at that address shows it.
func kubeAt(t *testing.T, url string) *kube.Cluster {
	t.Helper()
	c, err := kube.New(&rest.Config{Host: url}, "node")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// defaultClauses are about the cluster-wide default network (section 6).
func defaultClauses() []clause {
	return []clause{
		{54, "6", "Every pod is attached to the cluster-wide default network", conforms,
			"or to the one that its annotation `v1.multus-cni.io/default-network` selects, with all that an element can ask for", each(proveEveryPod)},
		{55, "6.1", "The implementation's own CNI configuration should not be written before the default network is ready", conforms,
			"the agent asks itself STATUS before it writes the file for the first time", each(proveFileWaits)},
		{56, "6.1", "Ready means that a pod can be attached at once and may expect connectivity", conforms,
			"STATUS: the default network can be planned, and its plugins say by their own STATUS that they are ready", each(proveReady)},
		{57, "6.1.1", "A folder of its own for CNI configurations is recommended", conforms, "`host.confDir` names one. The default is the folder that runtimes read, where the file is kept against those who remove it", proveOwnFolder},
		{58, "6.1.2", "A configuration that is installed early comes before others', and operations block until the default network is ready", conforms,
			"`00-braid.conflist` sorts first. ADD waits for the agent, for the other CNI's file and for `readinessindicatorfile`, then asks the runtime to try again. DEL waits for the agent: it needs only what ADD stored", each(proveBlocks)},
		{59, "6.2", "The default network is attached before those of the annotation", conforms, "", each(proveDefaultFirst)},
	}
}

func proveEveryPod(t *testing.T, p *trial) {
	p.nets(t, "neta", "netb")
	for _, namespace := range []string{"kube-system", "default"} {
		p.apply(t, "pod-plain.json", `{"kind":"Pod","metadata":{"name":"plain","namespace":"`+namespace+`"}}`)
		if out, ok := p.askFor(t, "ADD", namespace, "plain"); !ok {
			t.Fatal(out)
		}
		p.wantNets(t)
		p.del(t)
	}
	p.provesSelection(t)
}

// provesSelection: the annotation for the default network takes all that an element takes.
func (p *trial) provesSelection(t *testing.T) {
	t.Helper()
	for _, first := range []string{"neta", "default/neta", "neta@eth0", `[{"name":"neta"}]`} {
		p.annotate(t, "netb", first)
		p.must(t, "ADD")
		p.wantKernel(t, "eth0 10.10.0.2/24", "eth0 fd00:10::2/64", "net1 10.11.0.2/24", "net1 fd00:11::2/64")
		p.wantStatus(t, 0, map[string]string{"name": `"default/neta"`, "default": "true"})
		p.del(t)
	}
	p.annotate(t, "netb", `[{"name":"neta","ips":["10.10.0.9"],"mac":"02:23:45:67:89:01","default-route":["10.10.0.1"],"interface":"eth0"}]`)
	p.must(t, "ADD")
	p.wantKernel(t, "default eth0 via 10.10.0.1", "eth0 10.10.0.9/24", "eth0 fd00:10::2/64", "net1 10.11.0.2/24", "net1 fd00:11::2/64")
	p.wantMAC(t, "eth0", "02:23:45:67:89:01")
	p.del(t)
	p.withDouble(t, []string{"able"}, "portMappings", "bandwidth", "infinibandGUID")
	p.annotate(t, "", `[{"name":"able",`+mapping+","+limit+","+guid+`,"cni-args":{"a":1}}]`)
	p.must(t, "ADD")
	p.wantConfig(t, "eth0", "runtimeConfig.infinibandGUID", `"c2:11:22:33:44:55:66:77"`)
	p.wantConfig(t, "eth0", "runtimeConfig.bandwidth.egressBurst", `4000`)
	p.wantConfig(t, "eth0", "runtimeConfig.portMappings", `[{"containerPort":80,"hostPort":8080,"protocol":"tcp"}]`)
	p.wantConfig(t, "eth0", "args.cni", `{"a":1}`)
	p.del(t)
	for first, reason := range map[string]string{
		"neta,netb": "name exactly one network", "absent": `network "default/absent": no such`, "neta@x0": "cannot be the default network's",
		`[{"name":"able","ips":["10.10.0.9"]}]`: `declares the capability "ips"`, `[{"name":"neta","mac":"x"}]`: "is not a MAC",
		"other/neta": "namespace isolation", `[{"name":"neta","ips":["10.10.0.9"],"ipam-claim-reference":"c"}]`: "cannot be in one element",
	} {
		p.annotate(t, "netb", first)
		p.fails(t, first, reason)
	}
}

// mainList is another CNI's configuration whose plugin is the double main.
const mainList = `{"cniVersion":"1.1.0","name":"main","plugins":[{"type":"main"}]}`

const mainFile = "/etc/cni/net.d/10-main.conflist"

// chained makes the node one where another CNI, whose plugin is the double main, is the default network.
func (p *trial) chained(t *testing.T) {
	t.Helper()
	p.Root = filepath.Join(p.home, "root")
	p.doubles(t, "main")
	p.config["clusterNetwork"] = filepath.Dir(mainFile)
}

// guarded runs the task that installs Braid's configuration, and the agent that it belongs to.
func (p *trial) guarded(t *testing.T, config string) *ConfList {
	t.Helper()
	file := filepath.Join(p.home, "config.yaml")
	put(t, file, confHeader+config)
	c := &ConfList{
		File: file, Root: p.Root, Socket: filepath.Join(p.home, "s"), Synced: p.View.Synced, State: p.home, LogLevel: new(slog.LevelVar), Log: p.Log,
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- Run(ctx, p.Log, c, &Server{Socket: c.Socket, Handler: p.Agent, Log: p.Log}) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return c
}

func (p *trial) installed(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(p.Root, ourFile))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return string(text)
}

func proveFileWaits(t *testing.T, p *trial) {
	p.chained(t)
	p.answer(t, "main.STATUS.fail", doubleFails)
	c := p.guarded(t, "clusterNetwork: /etc/cni/net.d\nhost: {binDir: "+p.home+"/bin}")
	waits := func(reason string) {
		t.Helper()
		eventually(t, reason, func() bool {
			err := c.Ready()
			return err != nil && strings.Contains(err.Error(), reason)
		})
		if text := p.installed(t); text != "" {
			t.Errorf("installed although %s: %s", reason, text)
		}
	}
	waits("no CNI configuration at")
	put(t, filepath.Join(p.Root, mainFile), mainList)
	waits("the double refuses")
	p.relent(t, "main.STATUS.fail")
	eventually(t, "installed", func() bool { return p.installed(t) != "" && c.Ready() == nil })
	p.answer(t, "main.STATUS.fail", doubleFails)
	if err := os.Remove(filepath.Join(p.Root, ourFile)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "kept while the default network is away for a moment", func() bool { return p.installed(t) != "" })
}

func proveReady(t *testing.T, p *trial) {
	notReady := func(reason string) {
		t.Helper()
		if out, ok := p.ask(t, "STATUS"); ok || !strings.Contains(out, reason) || !strings.Contains(out, `"code":50`) {
			t.Errorf("STATUS answered %s, want code 50 and %q", out, reason)
		}
	}
	if p.must(t, "STATUS"); p.world.Real {
		p.world.Serve(t, p.world.Host, "0.0.0.0")
	}
	p.must(t, "ADD")
	p.wantNets(t)
	if p.world.Real {
		if _, err := p.world.Ask(t, p.netns, "10.1.0.1", 100); err != nil {
			t.Error(err)
		}
	}
	p.del(t)
	p.chained(t)
	notReady("no CNI configuration at")
	put(t, filepath.Join(p.Root, mainFile), mainList)
	p.answer(t, "main.STATUS.fail", `{"cniVersion":"1.1.0","code":50,"msg":"the double is not ready"}`)
	notReady("the double is not ready")
	p.relent(t, "main.STATUS.fail")
	p.must(t, "STATUS")
	p.must(t, "ADD")
}

func proveOwnFolder(t *testing.T) {
	other := map[string]string{mainFile: otherConf}
	g := guard(t, other, "clusterNetwork: /etc/cni/net.d\nhost: {confDir: /etc/cni/braid.d}", nil)
	g.synced.Store(true)
	eventually(t, "installed", func() bool { return g.Ready() == nil })
	for dir, want := range map[string]string{"/etc/cni/braid.d": "00-braid.conflist", "/etc/cni/net.d": filepath.Base(mainFile)} {
		entries, err := os.ReadDir(filepath.Join(g.Root, dir))
		if err != nil || len(entries) != 1 || entries[0].Name() != want {
			t.Errorf("%s has %v, %v", dir, entries, err)
		}
	}
}

func proveBlocks(t *testing.T, p *trial) {
	p.provesPrecedence(t)
	p.config["timeout"] = "10s"
	p.doorWaits(t)
	p.chained(t)
	p.blocks(t, "the other CNI's file", filepath.Join(p.Root, mainFile), mainList)
	p.config["type"], p.config["readinessindicatorfile"] = "multus", "/run/main/ready"
	p.blocks(t, "the indicator", filepath.Join(p.Root, "/run/main/ready"), "")
	p.config["timeout"], p.config["readinessindicatorfile"] = "200ms", "/run/main/never"
	if out, ok := p.ask(t, "ADD"); ok || !strings.Contains(out, `"code":11`) || !strings.Contains(out, "/run/main/never") {
		t.Errorf("ADD answered %s", out)
	}
	if out, ok := p.ask(t, "STATUS"); ok || !strings.Contains(out, `"code":50`) {
		t.Errorf("STATUS answered %s", out)
	}
}

// blocks: ADD waits until a file is there.
func (p *trial) blocks(t *testing.T, what, file, content string) {
	t.Helper()
	done := make(chan string, 1)
	go func() {
		out, ok := p.ask(t, "ADD")
		done <- fmt.Sprint(ok, out)
	}()
	select {
	case out := <-done:
		t.Fatalf("ADD did not wait for %s: %s", what, out)
	case <-time.After(300 * time.Millisecond):
	}
	put(t, file, content)
	if out := <-done; !strings.HasPrefix(out, "true") {
		t.Errorf("ADD after %s: %s", what, out)
	}
	p.del(t)
	p.wantCalls(t, "ADD main eth0", "DEL main eth0")
}

// doorWaits: the runtime's plugin lets ADD and DEL wait for an agent that is not there yet.
func (p *trial) doorWaits(t *testing.T) {
	t.Helper()
	door, socket := filepath.Join(p.home, "braid"), filepath.Join(p.home, "late")
	if out, err := exec.Command("go", "build", "-ldflags=-E _braid_entry", "-o", door, "../cmd/braid").CombinedOutput(); err != nil {
		t.Fatalf("build the door: %v: %s", err, out)
	}
	config, err := json.Marshal(p.config)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan string, 2)
	for _, command := range []string{"ADD", "DEL"} {
		call := exec.Command(door)
		call.Stdin, call.Env = bytes.NewReader(config), []string{
			"CNI_COMMAND=" + command, "CNI_CONTAINERID=" + command, "CNI_NETNS=" + p.netns, "CNI_IFNAME=eth0", "CNI_PATH=/", wire.SocketVariable + "=" + socket,
		}
		go func() {
			out, err := call.CombinedOutput()
			ended <- fmt.Sprintf("%s %v %s", command, err, out)
		}()
	}
	select {
	case out := <-ended:
		t.Errorf("the door did not wait: %s", out)
	case <-time.After(500 * time.Millisecond):
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	served := make(chan error, 1)
	go func() { served <- (&Server{Socket: socket, Handler: answering{}, Log: p.Log}).Run(ctx) }()
	for range 2 {
		if out := <-ended; !strings.Contains(out, "<nil>") {
			t.Errorf("the door: %s", out)
		}
	}
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// provesPrecedence: the file comes first in the folder.
func (p *trial) provesPrecedence(t *testing.T) {
	t.Helper()
	g := guard(t, map[string]string{mainFile: otherConf, "/etc/cni/net.d/00-c.conf": "{}"}, "", nil)
	g.synced.Store(true)
	eventually(t, "installed", func() bool { return g.Ready() == nil })
	entries, err := os.ReadDir(filepath.Join(g.Root, filepath.Dir(ourFile)))
	if err != nil || entries[0].Name() != filepath.Base(ourFile) {
		t.Errorf("%v, %v", entries, err)
	}
}

func proveDefaultFirst(t *testing.T, p *trial) {
	p.three(t)
	p.withDouble(t, []string{"every"})
	p.config["defaultNetworks"] = []string{"default/every"}
	p.must(t, "ADD")
	p.wantCalls(t, "ADD main eth0", "ADD every net1", "ADD a net2", "ADD b net3", "ADD c net4")
}
