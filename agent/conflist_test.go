package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/braid-cni/braid/api/agentconfig"
	"github.com/braid-cni/braid/netattach"
	"github.com/braid-cni/braid/wire"
)

const (
	confHeader = "apiVersion: config.braid.dev/v1alpha1\nkind: AgentConfiguration\n"
	otherConf  = `{"cniVersion":"1.0.0","name":"other","plugins":[{"type":"bridge"}]}`
	ourFile    = "/etc/cni/net.d/00-braid.conflist"
)

type fixedRanges struct {
	ranges []netip.Prefix
	err    error
}

func (f fixedRanges) PodCIDRs(context.Context) ([]netip.Prefix, error) { return f.ranges, f.err }

func dualStack() fixedRanges {
	return fixedRanges{ranges: []netip.Prefix{netip.MustParsePrefix("10.244.1.0/24"), netip.MustParsePrefix("fd00:10:244:1::/64")}}
}

// hostWith is a folder that stands for the host's root.
func hostWith(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		put(t, filepath.Join(root, name), content)
	}
	return root
}

func put(t *testing.T, file, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestChoose(t *testing.T) {
	ours := func(network string) string {
		return `{"cniVersion":"1.1.0","name":"braid","plugins":[{"type":"braid","clusterNetwork":` + network + `}]}`
	}
	const chain, bridge = `"/etc/cni/net.d"`, `"bridge":"braid0"`
	tests := []struct {
		name   string
		files  map[string]string
		ranges Ranger
		alone  time.Duration // since when
		config string
		want   string
		fails  string
	}{
		{name: "another CNI", files: map[string]string{"/etc/cni/net.d/10-other.conflist": otherConf}, want: chain},
		{name: "another CNI beside ours", files: map[string]string{"/etc/cni/net.d/10-other.conflist": otherConf, ourFile: ours(chain)}, want: chain},
		{name: "another CNI came after the bridge", files: map[string]string{"/etc/cni/net.d/10-other.conflist": otherConf, ourFile: ours("{}")}, want: chain},
		{name: "another CNI is being updated", files: map[string]string{ourFile: ours(chain)}, alone: time.Hour, want: chain},
		{name: "Multus alone", files: map[string]string{"/etc/cni/net.d/00-multus.conf": `{"name":"m","type":"multus"}`}, alone: time.Hour, want: bridge},
		{name: "no folder yet", want: "", fails: "waiting 10s for another CNI"},
		{name: "no other for long", alone: time.Hour, want: bridge},
		{name: "bridge before a restart", files: map[string]string{ourFile: ours("{}")}, want: bridge},
		{name: "ranges refused", alone: time.Hour, ranges: fixedRanges{err: errors.New("no right")}, fails: "no right"},
		{name: "no cluster", alone: time.Hour, ranges: nil, fails: "name a network instead of auto"},
		{name: "named", files: map[string]string{"/etc/cni/net.d/10-other.conflist": otherConf}, config: "clusterNetwork: a/b", want: `"a/b"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			config, err := agentconfig.Parse([]byte(confHeader + tt.config))
			if err != nil {
				t.Fatal(err)
			}
			c := &chooser{root: hostWith(t, tt.files), ranges: tt.ranges}
			if tt.ranges == nil && tt.name != "no cluster" {
				c.ranges = dualStack()
			}
			if tt.alone > 0 {
				c.alone = time.Now().Add(-tt.alone)
			}
			got, err := c.choose(t.Context(), config)
			if tt.fails != "" {
				if err == nil || !strings.Contains(err.Error(), tt.fails) {
					t.Fatalf("got %s, %v, want %q", got, err, tt.fails)
				}
				return
			}
			if err != nil || !strings.Contains(string(got), tt.want) {
				t.Errorf("got %s, %v, want %s", got, err, tt.want)
			}
		})
	}
}

func TestBridgeOnBothFamilies(t *testing.T) {
	got, err := bridgeOn(dualStack().ranges)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"bridge":"braid0","cniVersion":"1.1.0","hairpinMode":true,"ipMasq":true,"ipam":{` +
		`"ranges":[[{"subnet":"10.244.1.0/24"}],[{"subnet":"fd00:10:244:1::/64"}]],` +
		`"routes":[{"dst":"0.0.0.0/0"},{"dst":"::/0"}],"type":"host-local"},"isGateway":true,"name":"braid-pods","type":"bridge"}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// What the file leaves at its default is what the plugin's own configuration has as its default.
func TestRenderedDefaultsAreThePlugins(t *testing.T) {
	rendered := renderedPlugin(t, agentconfig.Default(), `"/etc/cni/net.d"`)
	got, warnings, err := netattach.ParseConfig(rendered)
	if err != nil || len(warnings) > 0 {
		t.Fatal(err, warnings)
	}
	want, _, err := netattach.ParseConfig([]byte(`{"cniVersion":"1.1.0","name":"braid","type":"braid","clusterNetwork":"/etc/cni/net.d"}`))
	if err != nil {
		t.Fatal(err)
	}
	if got.GlobalNamespaces = nil; !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestRenderTakesEveryKey(t *testing.T) {
	config, err := agentconfig.Parse([]byte(confHeader + `
defaultNetworks: [default/a, {type: x}]
namespaceIsolation: false
globalNamespaces: [shared]
systemNamespaces: [mine]
builtins: only
timeout: 90s
statusPublish: sync
paths: {allow: [/srv]}
plugins: {allow: [macvlan]}
tenants: {allow: {bridges: [br-blue]}}
host: {binDir: /srv/bin}`))
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := netattach.ParseConfig(renderedPlugin(t, config, `{"type":"bridge"}`))
	want := netattach.Config{
		CNIVersion: "1.1.0", Name: "braid", ClusterNetwork: netattach.Source{Inline: []byte(`{"type":"bridge"}`)},
		DefaultNetworks:  []netattach.Source{{NAD: netattach.Key{Namespace: "default", Name: "a"}}, {Inline: []byte(`{"type":"x"}`)}},
		SystemNamespaces: []string{"mine"}, GlobalNamespaces: []string{"shared"}, PathsAllow: []string{"/srv"},
		PluginsAllow: []string{"macvlan"}, Tenants: netattach.Allowed{Bridges: []string{"br-blue"}}, Timeout: 90 * time.Second,
		Builtins: netattach.BuiltinsOnly, StatusPublish: netattach.StatusSync, ConfDir: "/etc/cni/braid/net.d", BinDir: "/srv/bin",
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v, %v\nwant %+v", got, err, want)
	}
}

// renderedPlugin is what the runtime sends of a rendered list.
func renderedPlugin(t *testing.T, config agentconfig.Config, network string) []byte {
	t.Helper()
	text, err := render(config, []byte(network))
	if err != nil {
		t.Fatal(err)
	}
	var list struct {
		CNIVersion, Name string
		Plugins          []map[string]any
	}
	if err := json.Unmarshal(text, &list); err != nil || len(list.Plugins) != 1 {
		t.Fatal(err, list)
	}
	list.Plugins[0]["name"], list.Plugins[0]["cniVersion"] = list.Name, list.CNIVersion
	plugin, err := json.Marshal(list.Plugins[0])
	if err != nil {
		t.Fatal(err)
	}
	return plugin
}

// A guarded is a ConfList that runs, on a folder for a host.
type guarded struct {
	*ConfList
	synced atomic.Bool
	dir    string // the ConfigMap's volume
	log    *lockedBuffer
	board  *noticeBoard // what is said of the node
	stop   func()
}

type lockedBuffer struct{ lockedWriter }

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.w.String()
}

type answering struct{}

func (answering) Handle(context.Context, *wire.Request) *wire.Response {
	return &wire.Response{Version: wire.Version, Output: []byte("{}")}
}

// guard runs the task, with an agent that answers. It writes the configuration as kubelet does a ConfigMap's.
func guard(t *testing.T, files map[string]string, config string, installation Installation) *guarded {
	t.Helper()
	g := &guarded{dir: t.TempDir(), log: &lockedBuffer{lockedWriter{w: new(bytes.Buffer)}}, board: &noticeBoard{}}
	log := slog.New(slog.NewTextHandler(g.log, nil))
	g.swap(t, config)
	g.ConfList = &ConfList{
		File: filepath.Join(g.dir, "config.yaml"), Root: hostWith(t, files), Socket: filepath.Join(t.TempDir(), "s"), Synced: g.synced.Load,
		Ranges: dualStack(), Installation: installation, State: t.TempDir(), LogLevel: new(slog.LevelVar), Log: log,
	}
	g.run(t)
	return g
}

func (g *guarded) run(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	g.Conditions = NewConditions(g.board, g.Log)
	tasks := []Task{g.ConfList, g.Conditions, &Server{Socket: g.Socket, Handler: answering{}, Log: g.Log}}
	go func() { done <- Run(ctx, g.Log, tasks...) }()
	g.stop = func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		done <- nil
	}
	t.Cleanup(g.stop)
}

// restart ends the agent and starts another one on the same node.
func (g *guarded) restart(t *testing.T, meanwhile func()) {
	t.Helper()
	g.stop()
	meanwhile()
	old := g.ConfList
	g.ConfList = &ConfList{
		File: old.File, Root: old.Root, Socket: old.Socket, Synced: old.Synced, Ranges: old.Ranges, Installation: old.Installation,
		State: old.State, LogLevel: old.LogLevel, Log: old.Log,
	}
	g.run(t)
	eventually(t, "ready again", func() bool { return g.Ready() == nil })
}

// swap replaces the ConfigMap's volume: ..data is a link that is renamed.
func (g *guarded) swap(t *testing.T, config string) {
	t.Helper()
	version := filepath.Join(g.dir, "..", "v"+time.Now().Format("150405.000000"))
	put(t, filepath.Join(version, "config.yaml"), confHeader+config)
	next := filepath.Join(g.dir, "..data_tmp")
	for _, link := range [][2]string{{version, next}, {"..data/config.yaml", filepath.Join(g.dir, "config.yaml")}} {
		if err := os.Symlink(link[0], link[1]); err != nil && !errors.Is(err, os.ErrExist) {
			t.Fatal(err)
		}
	}
	if err := os.Rename(next, filepath.Join(g.dir, "..data")); err != nil {
		t.Fatal(err)
	}
}

func (g *guarded) content(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(g.Root, ourFile))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return string(text)
}

func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !f(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not after 10 s: %s", what)
		}
	}
}

func TestConfListIsKept(t *testing.T) {
	g := guard(t, map[string]string{"/etc/cni/net.d/10-other.conflist": otherConf}, "timeout: 30s", nil)
	file := filepath.Join(g.Root, ourFile)
	time.Sleep(2 * askPause)
	if g.content(t) != "" || g.Ready() == nil {
		t.Fatal("installed before the agent has seen the cluster")
	}
	g.synced.Store(true)
	eventually(t, "installed", func() bool { return strings.Contains(g.content(t), `"timeout": "30s"`) })
	eventually(t, "ready", func() bool { return g.Ready() == nil })
	first, before := g.content(t), inode(t, file)

	put(t, filepath.Join(g.Root, "/etc/cni/net.d/20-more.conf"), "{}")
	g.swap(t, "timeout: 30s # the same")
	time.Sleep(4 * settle)
	if !os.SameFile(before, inode(t, file)) {
		t.Error("an unchanged file was rewritten")
	}
	for what, spoil := range map[string]func() error{
		"removed": func() error { return os.Remove(file) },
		"changed": func() error { return os.WriteFile(file, []byte("{}"), 0o600) },
		"moved":   func() error { return os.Rename(file, file+".bak") },
	} {
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "healed after it was "+what, func() bool { return g.content(t) == first })
	}

	g.swap(t, "timeout: never\nfoo: 1")
	eventually(t, "mistakes are said", func() bool {
		err := g.Ready()
		return err != nil && strings.Contains(err.Error(), `"foo"`) && strings.Contains(err.Error(), `"never"`)
	})
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the last good one is kept", func() bool { return g.content(t) == first })
	if n := strings.Count(g.log.String(), "not as it should be"); n != 1 {
		t.Errorf("the mistakes were logged %d times", n)
	}

	g.swap(t, "host: {conflist: 05-braid.conflist}\nlogLevel: debug")
	eventually(t, "moved to its new name", func() bool { return g.content(t) == "" && g.Ready() == nil })
	if _, err := os.Stat(filepath.Join(g.Root, "/etc/cni/net.d/05-braid.conflist")); err != nil {
		t.Error(err)
	}
	if g.LogLevel.Level() != slog.LevelDebug {
		t.Errorf("log level %v", g.LogLevel)
	}
}

func inode(t *testing.T, file string) os.FileInfo {
	t.Helper()
	info, err := os.Lstat(file)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func TestConfListIsLeftToARival(t *testing.T) {
	g := guard(t, map[string]string{"/etc/cni/net.d/10-other.conflist": otherConf}, "", nil)
	g.synced.Store(true)
	file := filepath.Join(g.Root, ourFile)
	for i := range takenTimes {
		eventually(t, "there", func() bool { return g.content(t) != "" && g.Ready() == nil })
		if err := os.Rename(file, file+".cilium_bak"); err != nil {
			t.Fatal(i, err)
		}
	}
	eventually(t, "left", func() bool {
		err := g.Ready()
		return err != nil && strings.Contains(err.Error(), "cni.exclusive")
	})
	time.Sleep(2 * lookSoon)
	if g.content(t) != "" {
		t.Error("the fight goes on")
	}
	if log := g.log.String(); strings.Count(log, "renamed away") != takenTimes || !strings.Contains(log, "Cilium") {
		t.Error(log)
	}
	const taken = "False ConflistContested: /etc/cni/net.d/00-braid.conflist was renamed to 00-braid.conflist.cilium_bak 3 times, and " +
		"10-other.conflist is used in its place"
	if said := g.board.condition(); !strings.HasPrefix(said, taken) {
		t.Errorf("the node's condition is %s", said)
	}
	if err := os.Rename(file+".cilium_bak", file); err != nil {
		t.Fatal(err)
	}
	eventually(t, "ready again once it was given back", func() bool { return g.Ready() == nil })
	eventually(t, "and said so", func() bool { return strings.HasPrefix(g.board.condition(), "True ConflistInstalled") })
}

type verdict bool

func (v verdict) Uninstalled(context.Context) bool { return bool(v) }

func TestLeave(t *testing.T) {
	tests := []struct {
		name         string
		installation Installation
		synced       bool
		config       string
		stays        bool
	}{
		{"restart", verdict(false), true, "", true},
		{"no DaemonSet", nil, true, "", true},
		{"uninstalled", verdict(true), true, "", false},
		{"uninstalled before it could serve", verdict(true), false, "", false},
		{"uninstalled with a broken configuration", verdict(true), false, "foo: 1", false},
		{"uninstalled where another CNI names braid", verdict(true), false, `host: {conflist: ""}`, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := guard(t, map[string]string{
				"/etc/cni/net.d/10-other.conflist": otherConf, ourFile: "of an earlier run", ourFile + ".bak": "somebody's",
			}, tt.config, tt.installation)
			g.synced.Store(tt.synced)
			if tt.synced {
				eventually(t, "installed", func() bool { return g.Ready() == nil })
			}
			g.stop()
			entries, err := os.ReadDir(filepath.Join(g.Root, filepath.Dir(ourFile)))
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, e := range entries {
				names = append(names, e.Name())
			}
			want := []string{"00-braid.conflist", "00-braid.conflist.bak", "10-other.conflist"}
			if !tt.stays {
				want = want[1:]
			}
			if !slices.Equal(names, want) {
				t.Errorf("left %q, want %q", names, want)
			}
		})
	}
}
