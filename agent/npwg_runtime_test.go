package agent

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// runtimeClauses are about how attachments are carried out (section 7).
func runtimeClauses() []clause {
	return []clause{
		{60, "7.1", "Lists are invoked as CNI says: `cniVersion` and `name` go into each plugin's configuration, and each gets the result of the one before", conforms, "by libcni", each(proveChain)},
		{61, "7.2", "At setup one failure fails the whole at once; what comes after is not attempted", conforms, "what was made is taken away again", each(proveFailedSetup)},
		{62, "7.2", "At teardown every attachment that was attempted is torn down, whatever fails", conforms, "", each(proveTeardownGoesOn)},
		{63, "7.2", "A detachment that fails is an error for the runtime in the end", conforms, "and the next DEL tries again", each(proveTeardownFails)},
		{64, "7.3", "Attachments of one pod are not made in parallel", conforms, "", each(proveSerial)},
		{65, "7.4", "Which networks a pod may select can be restricted; what it may not use fails the pod", conforms,
			"`namespaceIsolation`, for both annotations, and `tenants.allow`", each(proveRestrictions)},
		{66, "7.5", "`runtimeConfig` of Kubernetes goes to the default network only", conforms, "so do MAC, IP and GATEWAY of CNI_ARGS", each(proveRuntimeConfig)},
	}
}

func proveChain(t *testing.T, p *trial) {
	p.doubles(t, "first", "second")
	p.answer(t, "first.ADD", `{"cniVersion":"1.0.0","interfaces":[{"name":"one","sandbox":"/s"}]}`)
	p.answer(t, "second.ADD", `{"cniVersion":"1.0.0","interfaces":[{"name":"two","sandbox":"/s"}]}`)
	p.nad(t, "chain", `{"cniVersion":"1.0.0","name":"list","plugins":[{"type":"first","own":[1]},{"type":"second"}]}`)
	p.add(t, "chain")
	p.must(t, "CHECK")
	p.del(t)
	for _, c := range p.calls(t) {
		wantPart(t, c, "cniVersion", `"1.0.0"`)
		wantPart(t, c, "name", `"list"`)
		wantPart(t, c, "type", quoted(c.Type))
		wantPart(t, c, "own", map[string]string{"first": "[1]"}[c.Type])
		previous := map[string]string{"ADD first": "", "ADD second": "one"}
		name, special := previous[c.Command+" "+c.Type]
		if !special {
			name = "two"
		}
		if name != "" {
			name = `[{"name":"` + name + `","sandbox":"/s"}]`
		}
		wantPart(t, c, "prevResult.interfaces", name)
	}
	p.wantCalls(t, "ADD first net1", "ADD second net1", "CHECK first net1", "CHECK second net1", "DEL second net1", "DEL first net1")
}

// three is a pod with doubles on eth0, net1, net2 and net3.
func (p *trial) three(t *testing.T) {
	t.Helper()
	p.doubles(t, "main")
	p.config["clusterNetwork"] = map[string]any{"cniVersion": "1.1.0", "type": "main"}
	p.withDouble(t, []string{"a", "b", "c"})
	p.web(t, "a,b,c")
}

func proveFailedSetup(t *testing.T, p *trial) {
	p.three(t)
	before := p.state(t, p.netns)
	p.answer(t, "b.ADD.fail", doubleFails)
	if out, ok := p.ask(t, "ADD"); ok || !strings.Contains(out, "the double refuses") || !strings.Contains(out, "net2") {
		t.Errorf("ADD answered %s", out)
	}
	p.wantCalls(t, "ADD main eth0", "ADD a net1", "ADD b net2", "DEL b net2", "DEL a net1", "DEL main eth0")
	p.answer(t, "main.ADD.fail", doubleFails)
	if out, ok := p.ask(t, "ADD"); ok {
		t.Errorf("ADD answered %s", out)
	}
	p.wantCalls(t, "ADD main eth0", "DEL main eth0")
	if after := p.state(t, p.netns); after != before {
		t.Errorf("left behind:\n%s\nbefore:\n%s", after, before)
	}
}

func proveTeardownGoesOn(t *testing.T, p *trial) {
	p.three(t)
	p.must(t, "ADD")
	p.answer(t, "b.DEL.fail", doubleFails)
	p.answer(t, "c.DEL.fail", doubleFails)
	p.ask(t, "DEL")
	p.wantCalls(t, "ADD main eth0", "ADD a net1", "ADD b net2", "ADD c net3", "DEL c net3", "DEL b net2", "DEL a net1", "DEL main eth0")
	p.relent(t, "b.DEL.fail")
	p.relent(t, "c.DEL.fail")
}

func proveTeardownFails(t *testing.T, p *trial) {
	p.nets(t, "neta")
	p.withDouble(t, []string{"b"})
	p.add(t, "neta,b")
	p.answer(t, "b.DEL.fail", doubleFails)
	for range 2 {
		out, ok := p.ask(t, "DEL")
		var said struct {
			Code uint
			Msg  string
		}
		if err := json.Unmarshal([]byte(out), &said); ok || err != nil || said.Code != 99 || !strings.Contains(said.Msg, "the double refuses") {
			t.Errorf("DEL answered %s, %v", out, err)
		}
		p.wantKernel(t)
	}
	p.relent(t, "b.DEL.fail")
	p.del(t)
	p.wantCalls(t, "ADD b net2", "DEL b net2", "DEL b net2", "DEL b net2")
	p.del(t)
	p.wantCalls(t)
}

func proveSerial(t *testing.T, p *trial) {
	p.three(t)
	p.answer(t, "slow", "")
	alone := func() bool {
		return !slices.ContainsFunc(p.calls(t), func(c doubleCall) bool { return !c.Alone })
	}
	for _, command := range []string{"ADD", "CHECK", "DEL"} {
		p.must(t, command)
	}
	if !alone() {
		t.Errorf("calls met: %+v", p.calls(t))
	}
	p.wantCalls(t, "ADD main eth0", "ADD a net1", "ADD b net2", "ADD c net3", "CHECK main eth0", "CHECK a net1", "CHECK b net2", "CHECK c net3",
		"DEL c net3", "DEL b net2", "DEL a net1", "DEL main eth0")
	p.meet(t)
	if alone() {
		t.Error("doubles do not notice that they meet")
	}
}

// meet runs two doubles at the same time.
func (p *trial) meet(t *testing.T) {
	t.Helper()
	var both sync.WaitGroup
	for _, name := range []string{"a", "b"} {
		both.Go(func() {
			double := exec.Command(filepath.Join(p.home, "bin", name))
			double.Env, double.Stdin = []string{"CNI_COMMAND=ADD", "PATH=/usr/bin:/bin"}, strings.NewReader("{}")
			if err := double.Run(); err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
}

func proveRestrictions(t *testing.T, p *trial) {
	p.nets(t, "neta")
	p.nadOf(t, "other", "far", "{config: '"+p.bridge("bro0", "", "10.11.0.0/24")+"'}")
	const refusal = "namespace isolation: the pod may use networks of namespace default only"
	p.refuses(t, "other/far", refusal)
	p.refuses(t, "other/absent", refusal) // what is there is nobody else's business
	p.refuses(t, `[{"name":"far","namespace":"other"}]`, refusal)
	p.annotate(t, "", "other/far")
	p.fails(t, "default network", refusal)
	p.config["globalNamespaces"] = []string{"other"}
	p.annotate(t, "other/far,neta", "other/far")
	p.must(t, "ADD")
	p.wantKernel(t, "eth0 10.11.0.2/24", "net1 10.11.0.3/24", "net2 10.10.0.2/24", "net2 fd00:10::2/64")
	p.del(t)
	p.apply(t, "namespace.yaml", "kind: Namespace\nmetadata: {name: default, labels: {braid.dev/tenant: \"\"}}\n")
	p.refuses(t, "neta", "ask the administrator to extend tenants.allow.bridges")
}

func proveRuntimeConfig(t *testing.T, p *trial) {
	p.doubles(t, "main")
	p.config["clusterNetwork"] = json.RawMessage(`{"cniVersion":"1.1.0","type":"main","capabilities":{"portMappings":true,"ips":true,"mac":true}}`)
	p.withDouble(t, []string{"a", "b"}, "portMappings", "ips", "mac")
	p.config["runtimeConfig"] = json.RawMessage(`{"portMappings":[{"hostPort":80,"containerPort":80,"protocol":"tcp"}],"ips":["10.0.0.9"]}`)
	p.add(t, `[{"name":"a"},{"name":"b","mac":"02:23:45:67:89:01"}]`)
	p.wantConfig(t, "eth0", "runtimeConfig", `{"ips":["10.0.0.9"],"portMappings":[{"containerPort":80,"hostPort":80,"protocol":"tcp"}]}`)
	p.wantConfig(t, "net1", "runtimeConfig", "")
	p.wantConfig(t, "net2", "runtimeConfig", `{"mac":"02:23:45:67:89:01"}`)
}
