package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/braid-cni/braid/cluster"
	"github.com/braid-cni/braid/cluster/files"
	"github.com/braid-cni/braid/delegate"
	"github.com/braid-cni/braid/ipam"
	"github.com/braid-cni/braid/ipam/hostlocal"
	"github.com/braid-cni/braid/ipam/static"
	"github.com/braid-cni/braid/kernel"
	"github.com/braid-cni/braid/kernel/kerneltest"
	"github.com/braid-cni/braid/plugins"
	"github.com/braid-cni/braid/store"
	"github.com/braid-cni/braid/wire"
)

// A node is an agent on a kernel of its own, with a folder for a cluster.
type node struct {
	*Agent
	world  *kerneltest.World
	root   string // the host's
	leases string // host-local's folder inside root
	dir    string // manifests
	db     string // the store's file
	log    *bytes.Buffer
	events *witness
}

// eachNode runs a test against the fake kernel, and against the real one where that is allowed.
func eachNode(t *testing.T, test func(t *testing.T, n *node)) {
	kerneltest.Each(t, func(t *testing.T, w *kerneltest.World) { test(t, newNode(t, w)) })
}

func newNode(t testing.TB, w *kerneltest.World) *node {
	t.Helper()
	return newNodeIn(t, w, "/", t.TempDir())
}

// newNodeIn returns a node whose files, but for its manifests and its store, are inside root.
func newNodeIn(t testing.TB, w *kerneltest.World, root, leases string) *node {
	t.Helper()
	n := &node{world: w, root: root, leases: leases, dir: t.TempDir(), db: filepath.Join(t.TempDir(), "braid.db")}
	n.start(t, nil)
	return n
}

// start makes the node's agent, in place of one before, as a process that begins: nothing is known but what is stored.
func (n *node) start(t testing.TB, hook store.Hook) {
	t.Helper()
	if n.Agent != nil {
		n.Store.Close()
	}
	state, err := store.Open(n.db, hook)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { state.Close() })
	w, root := n.world, n.root
	n.log = new(bytes.Buffer)
	log := slog.New(slog.NewTextHandler(&lockedWriter{w: n.log}, nil))
	runner := delegate.Runner{Root: root, Timeout: 5 * time.Second, InsideVariable: wire.InsideVariable}
	drivers := map[string]ipam.Driver{"host-local": hostlocal.New(hostlocal.Options{Root: root}), "static": static.New()}
	reaper := kernel.NewReaper(w.Kernel)
	view := &witness{View: files.New(n.dir)}
	n.events = view
	n.Agent = &Agent{
		Store: state, View: view, Kernel: w.Kernel, Publisher: NewPublisher(state, view, log), Metrics: NewMetrics(), Log: log, Drivers: drivers,
		Root: root, ReadyMark: filepath.Join(t.TempDir(), "ready"),
		Delegator: delegate.New(delegate.Options{
			Builtins: plugins.Builtin(plugins.Deps{Kernel: w.Kernel, Drivers: ipam.NewDrivers(ipam.Prefer, drivers, runner), IPAM: drivers}),
			Runner:   runner,
			Teardown: func() delegate.Teardown { return reaper.Teardown() },
			Sandbox:  Sandbox{Kernel: w.Kernel},
			CacheDir: t.TempDir(),
		}),
	}
}

// A witness keeps the events that a folder of manifests would drop.
type witness struct {
	cluster.View
	mu  sync.Mutex
	all []cluster.Event
}

// Event implements cluster.View.
func (w *witness) Event(_ cluster.PodRef, e cluster.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, e)
}

// take returns what was heard since the last time.
func (w *witness) take() []cluster.Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := w.all
	w.all = nil
	return all
}

type lockedWriter struct {
	mu sync.Mutex
	w  *bytes.Buffer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// network is a bridge NAD's configuration with its own lease folder.
func (n *node) network(bridge, subnet, more string) string {
	return fmt.Sprintf(`{"cniVersion":"1.1.0","type":"bridge","bridge":%q,"ipam":{"type":"host-local","dataDir":%q,"ranges":[[{"subnet":%q}]]}%s}`,
		bridge, n.leases, subnet, more)
}

func (n *node) apply(t testing.TB, file, manifest string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(n.dir, file), []byte(manifest), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (n *node) nad(t testing.TB, name, config string) {
	t.Helper()
	raw, err := json.Marshal(map[string]any{
		"kind": "NetworkAttachmentDefinition", "metadata": map[string]string{"name": name}, "spec": map[string]string{"config": config},
	})
	if err != nil {
		t.Fatal(err)
	}
	n.apply(t, "nad-"+name+".json", string(raw))
}

func (n *node) pod(t testing.TB, name, networks string) {
	t.Helper()
	raw, err := json.Marshal(map[string]any{
		"kind": "Pod", "metadata": map[string]any{"name": name, "annotations": map[string]string{"k8s.v1.cni.cncf.io/networks": networks}},
	})
	if err != nil {
		t.Fatal(err)
	}
	n.apply(t, "pod-"+name+".json", string(raw))
}

// config is what the runtime sends: the default network is a bridge too.
func (n *node) config() string {
	return fmt.Sprintf(`{"cniVersion":"1.1.0","name":"braid","type":"braid","timeout":"2s","pathsAllow":[%q],"clusterNetwork":%s}`,
		n.leases, n.network("brd0", "10.1.0.0/24", `,"isGateway":true,"isDefaultGateway":true`))
}

// call makes one CNI call for a pod's container and returns what the door would print.
func (n *node) call(command, container, netns, pod string) (string, bool) {
	r := n.Handle(context.Background(), n.request(command, container, netns, pod))
	return string(r.Output), !r.Failed
}

func (n *node) request(command, container, netns, pod string) *wire.Request {
	return &wire.Request{
		Version: wire.Version, Program: "braid", Command: command, ContainerID: container, Netns: netns, IfName: "eth0",
		Args: "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=" + pod, Path: "/nowhere", Config: []byte(n.config()),
	}
}

func (n *node) mustCall(t *testing.T, command, container, netns, pod string) string {
	t.Helper()
	out, ok := n.call(command, container, netns, pod)
	if !ok {
		t.Fatalf("%s: %s", command, out)
	}
	return out
}

// state is everything that a call may leave: the kernel, leases, records.
func (n *node) state(t testing.TB, pods ...string) string {
	t.Helper()
	text := n.world.Dump(t, pods...) + "leases\n"
	err := filepath.WalkDir(filepath.Join(n.root, n.leases), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && d.Name() != "lock" && !strings.HasPrefix(d.Name(), "last_reserved_ip") {
			text += "  " + path + "\n"
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	all, err := n.Store.Containers()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		text += "record " + c.Key() + "\n"
	}
	return text
}

func TestPodGetsThreeInterfacesAndLosesThem(t *testing.T) {
	eachNode(t, func(t *testing.T, n *node) {
		n.nad(t, "neta", n.network("bra0", "10.10.0.0/24", ""))
		n.nad(t, "netb", n.network("brb0", "10.11.0.0/24", `,"mtu":1400`))
		n.pod(t, "web", "neta, netb")
		netns := n.world.Netns(t)
		before := n.state(t, netns)

		var result current.Result
		if err := json.Unmarshal([]byte(n.mustCall(t, "ADD", "c1", netns, "web")), &result); err != nil {
			t.Fatal(err)
		}
		if result.CNIVersion != "1.1.0" || len(result.IPs) != 1 || result.IPs[0].Address.String() != "10.1.0.2/24" {
			t.Errorf("the runtime got %+v", result)
		}
		for _, command := range []string{"CHECK", "CHECK"} {
			n.mustCall(t, command, "c1", netns, "web")
		}
		wantLinks(t, n, netns)
		wantStatus(t, n)
		n.mustCall(t, "DEL", "c1", netns, "web")
		if after := n.state(t, netns); after != before {
			t.Errorf("left behind:\n%s\nbefore:\n%s", after, before)
		}
		n.mustCall(t, "DEL", "c1", "", "web")
	})
}

// wantLinks finds each interface in the pod, and its host side by name and alias.
func wantLinks(t *testing.T, n *node, netns string) {
	t.Helper()
	pod, err := n.Kernel.Open(netns)
	if err != nil {
		t.Fatal(err)
	}
	defer pod.Close()
	host, err := n.Kernel.Host()
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	for ifname, want := range map[string]struct {
		alias, bridge string
		mtu           int
	}{
		"eth0": {"default/web eth0 braid", "brd0", 1500},
		"net1": {"default/web net1 default/neta", "bra0", 1500},
		"net2": {"default/web net2 default/netb", "brb0", 1400},
	} {
		inside, err := pod.Link(ifname)
		if err != nil {
			t.Fatal(err)
		}
		outside, err := host.Link(kernel.LinkName("c1", ifname))
		if err != nil {
			t.Fatal(err)
		}
		bridge, err := host.Link(want.bridge)
		if err != nil {
			t.Fatal(err)
		}
		if outside.Alias != want.alias || outside.Master != bridge.Index || inside.MTU != want.mtu || inside.Peer != outside.Index || !inside.Up {
			t.Errorf("%s: inside %+v\noutside %+v", ifname, inside, outside)
		}
	}
}

func wantStatus(t *testing.T, n *node) {
	t.Helper()
	c, err := n.Store.Container("c1/eth0")
	if err != nil || c == nil {
		t.Fatal(c, err)
	}
	var status []struct {
		Name, Interface string
		IPs             []string
		Default         bool
	}
	if err := json.Unmarshal([]byte(c.Status), &status); err != nil {
		t.Fatal(err)
	}
	want := "[{braid eth0 [10.1.0.2] true} {default/neta net1 [10.10.0.2] false} {default/netb net2 [10.11.0.2] false}]"
	if got := fmt.Sprint(status); got != want {
		t.Errorf("status %s\nwant %s", got, want)
	}
}

// Every mistake is refused with its reason, and nothing of it reaches the kernel, the leases or the store.
func TestBadInputIsRefusedWhole(t *testing.T) {
	for _, tt := range []struct {
		name     string
		networks string
		config   func(n *node) string // of NAD "bad"
		code     uint
		want     []string
	}{
		{"annotation that is neither JSON nor a list", `[{"name": "neta"`, nil, 7, []string{"k8s.v1.cni.cncf.io/networks"}},
		{"annotation with a strange name", "neta,NET_A!", nil, 7, []string{"NET_A!"}},
		{"unknown NAD", "neta,missing", nil, 7, []string{`"default/missing"`, "net2", "create it"}},
		{"two mistakes at once", `[{"name":"missing"},{"name":"neta","mac":"x"}]`, nil, 7, []string{"default/missing", "mac"}},
		{"NAD with broken JSON", "neta,bad", text(`{"type":"bridge"`), 7, []string{`"default/bad"`, "net2"}},
		{"NAD of a plugin that does not exist", "neta,bad", text(`{"cniVersion":"1.1.0","type":"absent"}`), 7, []string{`"absent"`, "CNI_PATH"}},
		{"NAD whose plugin is a path", "neta,bad", text(`{"cniVersion":"1.1.0","type":"../sh"}`), 7, []string{"../sh"}},
		{"two attachments of one name", `[{"name":"neta","interface":"x0"},{"name":"neta","interface":"x0"}]`, nil, 7, []string{`"x0"`}},
		{"a name over 15 characters", "neta@abcdefghijklmnop", nil, 7, []string{"abcdefghijklmnop", "15"}},
		{"lo", "neta@lo", nil, 7, []string{`"lo"`}},
		{"eth0", "neta@eth0", nil, 7, []string{`"eth0"`}},
		{"an address outside the range", `[{"name":"bad","ips":["10.99.0.1"]}]`,
			func(n *node) string { return n.network("brx0", "10.12.0.0/24", `,"capabilities":{"ips":true}`) }, 7, []string{"10.99.0.1"}},
		{"ips without the capability", `[{"name":"neta","ips":["10.10.0.9"]}]`, nil, 7, []string{"ips", "capabilit"}},
		{"a range that is full", "bad,bad,bad", func(n *node) string { return n.network("brx0", "10.12.0.0/30", "") }, 0,
			[]string{"no free address", "10.12.0.1-10.12.0.2"}},
		{"a bridge that is another kind of link", "neta,bad", func(n *node) string { return n.network("veth-x", "10.12.0.0/24", "") }, 7,
			[]string{"veth-x"}},
		{"dataDir with ..", "neta,bad", func(n *node) string {
			return `{"cniVersion":"1.1.0","type":"bridge","ipam":{"type":"host-local","dataDir":"` + n.leases + `/../x","subnet":"10.12.0.0/24"}}`
		}, 7, []string{"dataDir"}},
		{"the second network fails after the first is up", "neta,bad", func(n *node) string { return n.network("brx0", "10.12.0.0/24", `,"mtu":-4`) },
			7, []string{"mtu"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			eachNode(t, func(t *testing.T, n *node) {
				stranger(t, n)
				n.nad(t, "neta", n.network("bra0", "10.10.0.0/24", ""))
				if tt.config != nil {
					n.nad(t, "bad", tt.config(n))
				}
				n.pod(t, "web", tt.networks)
				refused(t, n, n.world.Netns(t), tt.code, tt.want)
			})
		})
	}
}

func text(s string) func(*node) string { return func(*node) string { return s } }

// stranger puts a link on the host that is no bridge.
func stranger(t *testing.T, n *node) {
	t.Helper()
	host, err := n.Kernel.Host()
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	err = kernel.AddVeth(host, kernel.Veth{
		Name: "veth-x", MAC: []byte{2, 0, 0, 0, 0, 1}, Peer: "veth-y", PeerMAC: []byte{2, 0, 0, 0, 0, 2},
	})
	if err != nil {
		t.Fatal(err)
	}
}

func refused(t *testing.T, n *node, netns string, code uint, want []string) {
	t.Helper()
	before := n.state(t, netns)
	out, ok := n.call("ADD", "c1", netns, "web")
	var got wire.Error
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if ok || code != 0 && got.Code != code || got.CNIVersion != "1.1.0" {
		t.Errorf("ok %v, %+v, want code %d", ok, got, code)
	}
	for _, w := range append(want, "pod default/web") {
		if !strings.Contains(got.Msg, w) {
			t.Errorf("%q lacks %q", got.Msg, w)
		}
	}
	if strings.Count(got.Msg, "default/web") > 1 {
		t.Errorf("%q names the pod more than once", got.Msg)
	}
	if after := n.state(t, netns); after != before {
		t.Errorf("left behind:\n%s\nbefore:\n%s", after, before)
	}
}

func TestBadCallsAreRefused(t *testing.T) {
	eachNode(t, func(t *testing.T, n *node) {
		n.pod(t, "web", "")
		netns := n.world.Netns(t)
		for _, tt := range []struct {
			name   string
			change func(r *wire.Request)
			code   uint
			want   string
		}{
			{"a netns that does not exist", func(r *wire.Request) { r.Netns = "/run/netns/absent" }, 8, "absent"},
			{"a netns that is a file", func(r *wire.Request) { r.Netns = "/etc/hostname" }, 8, "/etc/hostname"},
			{"a container ID with a slash", func(r *wire.Request) { r.ContainerID = "a/b" }, 4, "a/b"},
			{"a container ID that is a folder", func(r *wire.Request) { r.ContainerID = ".." }, 4, ".."},
			{"an interface name with a slash", func(r *wire.Request) { r.IfName = "a/b" }, 4, "a/b"},
			{"an unknown command", func(r *wire.Request) { r.Command = "EAT" }, 4, "EAT"},
			{"an unknown cniVersion", func(r *wire.Request) { r.Config = []byte(`{"cniVersion":"9.0.0"}`) }, 1, "9.0.0"},
			{"a configuration that is none", func(r *wire.Request) { r.Config = []byte(`{"cniVersion":"1.1.0","type":"braid","timeout":5}`) }, 7, "timeout"},
			{"another version of the protocol", func(r *wire.Request) { r.Version = 99 }, 100, "99"},
			{"an unknown plugin of ours", func(r *wire.Request) { r.Program = "braid-magic" }, 7, "magic"},
			{"a call from within itself", func(r *wire.Request) { r.Inside = "c1" }, 7, "from within"},
			{"a pod that does not exist", func(r *wire.Request) { r.Args = "K8S_POD_NAMESPACE=default;K8S_POD_NAME=none" }, 11, "none"},
		} {
			t.Run(tt.name, func(t *testing.T) {
				before := n.state(t, netns)
				r := n.request("ADD", "c1", netns, "web")
				tt.change(r)
				answer := n.Handle(context.Background(), r)
				var got wire.Error
				if err := json.Unmarshal(answer.Output, &got); err != nil || !answer.Failed {
					t.Fatalf("%v: %s", err, answer.Output)
				}
				if got.Code != tt.code || !strings.Contains(got.Msg, tt.want) {
					t.Errorf("%+v, want code %d and %q", got, tt.code, tt.want)
				}
				if after := n.state(t, netns); after != before {
					t.Errorf("left behind:\n%s", after)
				}
			})
		}
	})
}

// The door of a node is replaced before its agent is, or after.
func TestVersionsOfTheDoor(t *testing.T) {
	for version := range wire.Version + 3 {
		r := &wire.Request{Version: version, Command: "STATUS", Config: []byte(`{"cniVersion":"1.1.0"}`)}
		err := new(Agent).admit(r)
		if known := version == wire.Version || version == wire.Version-1; known != (err == nil) {
			t.Errorf("version %d: %v", version, err)
		}
	}
}

func TestSecondADDLeavesTheFirstIntact(t *testing.T) {
	eachNode(t, func(t *testing.T, n *node) {
		n.pod(t, "web", "")
		netns := n.world.Netns(t)
		n.mustCall(t, "ADD", "c1", netns, "web")
		before := n.state(t, netns)
		for _, container := range []string{"c1", "c2"} {
			if out, ok := n.call("ADD", container, netns, "web"); ok || !strings.Contains(out, "already") {
				t.Errorf("second ADD of %s: %s", container, out)
			}
		}
		if after := n.state(t, netns); after != before {
			t.Errorf("got\n%s\nwant\n%s", after, before)
		}
		n.mustCall(t, "CHECK", "c1", netns, "web")
	})
}

// DEL works from the store: pod, NADs, configuration and netns may all be gone.
func TestDelNeedsOnlyTheStore(t *testing.T) {
	eachNode(t, func(t *testing.T, n *node) {
		n.nad(t, "neta", n.network("bra0", "10.10.0.0/24", ""))
		n.pod(t, "web", "neta")
		netns := n.world.Netns(t)
		before := n.state(t)
		n.mustCall(t, "ADD", "c1", netns, "web")
		n.world.Remove(netns)
		for _, file := range []string{"nad-neta.json", "pod-web.json"} {
			if err := os.Remove(filepath.Join(n.dir, file)); err != nil {
				t.Fatal(err)
			}
		}
		r := n.request("DEL", "c1", "", "web")
		r.Config = []byte(`{"cniVersion":"1.1.0","name":"braid","type":"braid","clusterNetwork":17}`)
		if answer := n.Handle(context.Background(), r); answer.Failed {
			t.Fatalf("%s", answer.Output)
		}
		if after := n.state(t); after != before {
			t.Errorf("left behind:\n%s\nbefore:\n%s", after, before)
		}
	})
}

// An ADD that died with the agent left a record, and perhaps more: the next ADD or DEL of the container clears it.
func TestInterruptedADDIsCleared(t *testing.T) {
	for _, next := range []string{"ADD", "DEL"} {
		t.Run(next, func(t *testing.T) {
			eachNode(t, func(t *testing.T, n *node) {
				n.pod(t, "web", "")
				netns := n.world.Netns(t)
				before := n.state(t, netns)
				n.mustCall(t, "ADD", "c1", netns, "web")
				c, err := n.Store.Container("c1/eth0")
				if err != nil {
					t.Fatal(err)
				}
				c.Attached, c.Attachments[0].Result = false, nil
				if err := n.Store.Intend(c); err != nil {
					t.Fatal(err)
				}
				n.mustCall(t, next, "c1", netns, "web")
				if next == "ADD" {
					n.mustCall(t, "CHECK", "c1", netns, "web")
					n.mustCall(t, "DEL", "c1", netns, "web")
				}
				if after := n.state(t, netns); after != before {
					t.Errorf("left behind:\n%s", after)
				}
			})
		})
	}
}

func TestGCRemovesWhatTheRuntimeDoesNotList(t *testing.T) {
	eachNode(t, func(t *testing.T, n *node) {
		n.nad(t, "neta", n.network("bra0", "10.10.0.0/24", ""))
		n.pod(t, "web", "neta")
		kept, stale := n.world.Netns(t), n.world.Netns(t)
		n.mustCall(t, "ADD", "c1", kept, "web")
		want := n.state(t, kept, stale)
		n.mustCall(t, "ADD", "c2", stale, "web")
		r := n.request("GC", "", "", "")
		if answer := n.Handle(context.Background(), r); !answer.Failed || !strings.Contains(string(answer.Output), "refused") {
			t.Errorf("GC without a list: %s", answer.Output)
		}
		list := `,"cni.dev/valid-attachments":[{"containerID":"c1","ifname":"eth0"}]}`
		r.Config = []byte(strings.TrimSuffix(n.config(), "}") + list)
		if answer := n.Handle(context.Background(), r); answer.Failed {
			t.Fatalf("%s", answer.Output)
		}
		if got := n.state(t, kept, stale); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
		n.mustCall(t, "CHECK", "c1", kept, "web")
	})
}

func TestStatusTouchesTheReadyMark(t *testing.T) {
	eachNode(t, func(t *testing.T, n *node) {
		r := n.request("STATUS", "", "", "")
		if answer := n.Handle(context.Background(), r); answer.Failed {
			t.Fatalf("%s", answer.Output)
		}
		if _, err := os.Stat(n.ReadyMark); err != nil {
			t.Error(err)
		}
		r.Config = []byte(`{"cniVersion":"1.1.0","name":"braid","type":"braid","clusterNetwork":"/nowhere/10-other.conflist"}`)
		answer := n.Handle(context.Background(), r)
		if !answer.Failed || !strings.Contains(string(answer.Output), `"code":50`) {
			t.Errorf("default network missing: %s", answer.Output)
		}
	})
}

// A plugin whose STATUS hangs must not make the node NotReady while it was ready before.
func TestStatusOfASlowPluginIsTheLastOne(t *testing.T) {
	n := newNode(t, kerneltest.NewFake())
	dir, slow := t.TempDir(), filepath.Join(t.TempDir(), "slow")
	script := "#!/bin/sh\n[ ! -e " + slow + " ] || sleep 5\n"
	if err := os.WriteFile(filepath.Join(dir, "other"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	r := n.request("STATUS", "", "", "")
	r.Path = dir
	r.Config = []byte(`{"cniVersion":"1.1.0","name":"braid","type":"braid","clusterNetwork":{"cniVersion":"1.1.0","name":"n","type":"other"}}`)
	for _, hangs := range []bool{false, true, true} {
		if hangs {
			if err := os.WriteFile(slow, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		start := time.Now()
		if answer := n.Handle(context.Background(), r); answer.Failed {
			t.Errorf("hangs %v: %s", hangs, answer.Output)
		}
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("hangs %v: took %v", hangs, took)
		}
	}
}

// The file of the CNI that Braid chains on comes late, and is written in pieces.
func TestConflistOfAnotherCNIIsWaitedFor(t *testing.T) {
	eachNode(t, func(t *testing.T, n *node) {
		n.pod(t, "web", "")
		netns := n.world.Netns(t)
		path := filepath.Join(t.TempDir(), "10-other.conflist")
		whole := `{"cniVersion":"1.0.0","name":"other","plugins":[` + n.network("bro0", "10.13.0.0/24", "") + `]}`
		time.AfterFunc(200*time.Millisecond, func() { os.WriteFile(path, []byte(whole[:40]), 0o600) })
		time.AfterFunc(400*time.Millisecond, func() { os.WriteFile(path, []byte(whole), 0o600) })
		r := n.request("ADD", "c1", netns, "web")
		r.Config = fmt.Appendf(nil, `{"cniVersion":"1.0.0","name":"braid","type":"braid","clusterNetwork":%q}`, path)
		answer := n.Handle(context.Background(), r)
		if answer.Failed || !strings.Contains(string(answer.Output), "10.13.0.2/24") {
			t.Fatalf("%s", answer.Output)
		}
		n.mustCall(t, "DEL", "c1", netns, "web")
	})
}

// STATUS that meets a file while it is rewritten must not make the node NotReady.
func TestStatusWaitsForAFileThatIsRewritten(t *testing.T) {
	n := newNode(t, kerneltest.NewFake())
	path := filepath.Join(t.TempDir(), "10-other.conflist")
	whole := `{"cniVersion":"1.0.0","name":"other","plugins":[` + n.network("bro0", "10.13.0.0/24", "") + `]}`
	if err := os.WriteFile(path, []byte(whole[:40]), 0o600); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(200*time.Millisecond, func() { os.WriteFile(path, []byte(whole), 0o600) })
	r := n.request("STATUS", "", "", "")
	r.Config = fmt.Appendf(nil, `{"cniVersion":"1.1.0","name":"braid","type":"braid","clusterNetwork":%q}`, path)
	if answer := n.Handle(context.Background(), r); answer.Failed {
		t.Errorf("%s", answer.Output)
	}
}

// fifty pods at once, eight at a time: nothing is lost, doubled or left.
func TestManyPodsAtOnce(t *testing.T) {
	eachNode(t, func(t *testing.T, n *node) {
		n.nad(t, "neta", n.network("bra0", "10.10.0.0/24", ""))
		n.pod(t, "web", "neta")
		const pods, workers = 50, 8
		var spaces []string
		for range pods {
			spaces = append(spaces, n.world.Netns(t))
		}
		before := n.state(t)
		addresses := make([]string, pods)
		parallel(pods, workers, func(i int) {
			out, ok := n.call("ADD", fmt.Sprintf("c%d", i), spaces[i], "web")
			if !ok {
				t.Errorf("pod %d: %s", i, out)
			}
			var result current.Result
			if json.Unmarshal([]byte(out), &result) == nil && len(result.IPs) == 1 {
				addresses[i] = result.IPs[0].Address.String()
			}
		})
		slices.Sort(addresses)
		if len(slices.Compact(addresses)) != pods {
			t.Errorf("addresses are not unique: %v", addresses)
		}
		parallel(pods, workers, func(i int) {
			if out, ok := n.call("DEL", fmt.Sprintf("c%d", i), spaces[i], "web"); !ok {
				t.Errorf("pod %d: %s", i, out)
			}
		})
		if after := n.state(t); after != before {
			t.Errorf("left behind:\n%s\nbefore:\n%s", after, before)
		}
	})
}

func parallel(n, workers int, f func(i int)) {
	var group sync.WaitGroup
	next := make(chan int)
	for range workers {
		group.Go(func() {
			for i := range next {
				f(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	group.Wait()
}
