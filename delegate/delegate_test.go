package delegate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/braid-cni/braid/ipam"
	"github.com/braid-cni/braid/kernel"
	"github.com/braid-cni/braid/plugins/plugin"
	"github.com/braid-cni/braid/store"
)

// A recorder is a plugin that writes down its calls and makes an interface that only its result knows.
type recorder struct {
	calls *[]string
	fail  map[string]error // by "VERB ifname"
}

func (p recorder) note(verb, ifname string) error {
	*p.calls = append(*p.calls, verb+" "+ifname)
	return p.fail[verb+" "+ifname]
}

func (p recorder) Add(_ context.Context, r *plugin.Request) (*current.Result, error) {
	if err := p.note("ADD", r.IfName); err != nil {
		return nil, err
	}
	return &current.Result{
		CNIVersion: "1.1.0",
		Interfaces: []*current.Interface{{Name: r.IfName, Sandbox: r.Netns}},
		IPs:        []*current.IPConfig{{Address: cidr("10.0.0.0/24"), Gateway: net.ParseIP("10.0.0.7")}},
		Routes:     []*types.Route{{Dst: cidr("0.0.0.0/0"), GW: net.ParseIP("10.0.0.1")}, {Dst: cidr("10.9.0.0/16")}},
	}, nil
}

func (p recorder) Check(_ context.Context, r *plugin.Request) error {
	return p.note("CHECK", r.IfName+prev(r.Config))
}

func (p recorder) Del(_ context.Context, r *plugin.Request) error {
	r.Teardown.Links("host-" + r.IfName)
	r.Teardown.Then(func(context.Context) error { return p.note("FREE", r.IfName) })
	return p.note("DEL", r.IfName+prev(r.Config))
}

func (p recorder) GC(_ context.Context, r *plugin.GCRequest) error {
	return p.note("GC", fmt.Sprint(r.Valid))
}

func (p recorder) Status(context.Context, *plugin.StatusRequest) error { return p.note("STATUS", "") }

// prev says whether the call came with a result.
func prev(config []byte) string {
	if strings.Contains(string(config), `"prevResult"`) {
		return " with result"
	}
	return ""
}

func cidr(s string) net.IPNet {
	_, n, err := net.ParseCIDR(s)
	if err != nil {
		panic(err)
	}
	return *n
}

// teardown writes down what it removes; the kernel's own has its tests in package kernel.
type teardown struct {
	calls *[]string
	links []string
	then  []func(context.Context) error
}

func (t *teardown) Links(names ...string)              { t.links = append(t.links, names...) }
func (t *teardown) Then(f func(context.Context) error) { t.then = append(t.then, f) }
func (t *teardown) With(string, kernel.Companion)      {}
func (t *teardown) Flush(ctx context.Context) error {
	*t.calls = append(*t.calls, "FLUSH "+strings.Join(t.links, ","))
	var errs []error
	for _, f := range t.then {
		errs = append(errs, f(ctx))
	}
	return errors.Join(errs...)
}

// routes writes down the changes of default routes.
type routes struct{ calls *[]string }

func (r routes) RemoveDefaultRoutes(_, ifname string, v6 bool) (func() error, error) {
	*r.calls = append(*r.calls, fmt.Sprintf("DROP %s v6=%v", ifname, v6))
	return func() error {
		*r.calls = append(*r.calls, fmt.Sprintf("RESTORE %s v6=%v", ifname, v6))
		return nil
	}, nil
}

func (r routes) AddDefaultRoutes(_, ifname string, gateways []netip.Addr) error {
	*r.calls = append(*r.calls, fmt.Sprint("ROUTE ", ifname, " ", gateways))
	return nil
}

type fixture struct {
	*Delegator
	calls []string
	fail  map[string]error
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{fail: map[string]error{}}
	f.Delegator = New(Options{
		Builtins: map[string]plugin.Plugin{"fake": recorder{&f.calls, f.fail}},
		Runner:   Runner{Root: "/", Timeout: 5 * time.Second, InsideVariable: "BRAID_INSIDE"},
		Teardown: func() Teardown { return &teardown{calls: &f.calls} },
		Sandbox:  routes{&f.calls},
		CacheDir: t.TempDir(),
	})
	return f
}

func (f *fixture) wantCalls(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(f.calls, want) {
		t.Errorf("calls\n%s\nwant\n%s", strings.Join(f.calls, "\n"), strings.Join(want, "\n"))
	}
	f.calls = nil
}

func attachment(ifname, typ string) store.Attachment {
	return store.Attachment{
		Network: "default/" + ifname, IfName: ifname, Builtins: "prefer", Path: []string{"/nowhere"},
		Config: json.RawMessage(`{"cniVersion":"1.1.0","name":"` + ifname + `","plugins":[{"type":"` + typ + `"}]}`),
	}
}

func pod(attachments ...store.Attachment) *store.Container {
	return &store.Container{ID: "c1", Netns: "/run/netns/c1", Attachments: attachments}
}

func TestAddInOrderDelInReverse(t *testing.T) {
	f := newFixture(t)
	c := pod(attachment("eth0", "fake"), attachment("net1", "fake"))
	if _, _, err := f.Add(context.Background(), c); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(c.Attachments[1].Result), `"net1"`) {
		t.Errorf("result of net1: %s", c.Attachments[1].Result)
	}
	if err := f.Check(context.Background(), c); err != nil {
		t.Fatal(err)
	}
	if err := f.Del(context.Background(), c, ""); err != nil {
		t.Fatal(err)
	}
	f.wantCalls(t, "ADD eth0", "ADD net1", "CHECK eth0 with result", "CHECK net1 with result",
		"DEL net1 with result", "DEL eth0 with result", "FLUSH host-net1,host-eth0", "FREE net1", "FREE eth0")
}

// What DEL needs is in the store: libcni's files may be gone, as after a reboot.
func TestDelWithoutLibcnisFiles(t *testing.T) {
	f := newFixture(t)
	c := pod(attachment("eth0", "fake"))
	if _, _, err := f.Add(context.Background(), c); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(f.o.CacheDir); err != nil {
		t.Fatal(err)
	}
	f.calls = nil
	if err := f.Del(context.Background(), c, ""); err != nil {
		t.Fatal(err)
	}
	f.wantCalls(t, "DEL eth0 with result", "FLUSH host-eth0", "FREE eth0")
}

// A plugin that is built in and alone passes nothing on through files, whatever the verb: what is left of them nobody removes.
func TestSoleLeavesNoFiles(t *testing.T) {
	f := newFixture(t)
	c := pod(attachment("eth0", "fake"))
	if _, _, err := f.Add(context.Background(), c); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Check(context.Background(), c), f.Del(context.Background(), c, "")); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(f.o.CacheDir); len(left) != 0 {
		t.Errorf("left %v", left)
	}
}

func TestFailedAddIsUndone(t *testing.T) {
	f := newFixture(t)
	f.fail["ADD net1"] = errors.New("no room")
	c := pod(attachment("eth0", "fake"), attachment("net1", "fake"), attachment("net2", "fake"))
	_, undone, err := f.Add(context.Background(), c)
	if !undone || err == nil || !strings.Contains(err.Error(), `attach network "default/net1" as net1`) {
		t.Errorf("undone %v, %v", undone, err)
	}
	f.wantCalls(t, "ADD eth0", "ADD net1", "DEL net1", "DEL eth0 with result", "FLUSH host-net1,host-eth0", "FREE net1", "FREE eth0")
}

// A patient plugin has something to be waited for.
type patient struct{ recorder }

func (p patient) Add(ctx context.Context, r *plugin.Request) (*current.Result, error) {
	r.Later(func(context.Context) error { return p.note("WAIT", r.IfName) })
	return p.recorder.Add(ctx, r)
}

// What can wait is waited for when all attachments are made, and when the caller says so.
func TestWaitsComeLast(t *testing.T) {
	f := newFixture(t)
	f.o.Builtins["patient"] = patient{f.o.Builtins["fake"].(recorder)}
	c := pod(attachment("eth0", "patient"), attachment("net1", "patient"))
	settle, _, err := f.Add(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	f.wantCalls(t, "ADD eth0", "ADD net1")
	if err := settle(context.Background()); err != nil {
		t.Fatal(err)
	}
	f.wantCalls(t, "WAIT eth0", "WAIT net1")
	f.fail["WAIT eth0"] = errors.New("port is down")
	if err := settle(context.Background()); err == nil || !strings.Contains(err.Error(), "port is down") {
		t.Errorf("error %v", err)
	}
	f.wantCalls(t, "WAIT eth0")
}

func TestUndoThatFailsIsSaid(t *testing.T) {
	f := newFixture(t)
	f.fail["ADD net1"] = errors.New("no room")
	f.fail["FREE eth0"] = errors.New("stuck")
	_, undone, err := f.Add(context.Background(), pod(attachment("eth0", "fake"), attachment("net1", "fake")))
	if undone || err == nil || !strings.Contains(err.Error(), "no room") || !strings.Contains(err.Error(), "stuck") {
		t.Errorf("undone %v, %v", undone, err)
	}
}

// The caller's context may be the reason for the failure; the undo must not die of it.
func TestUndoOutlivesTheCaller(t *testing.T) {
	f := newFixture(t)
	ctx, cancel := context.WithCancel(context.Background())
	f.fail["ADD eth0"] = errors.New("cancelled")
	cancel()
	if _, undone, _ := f.Add(ctx, pod(attachment("eth0", "fake"))); !undone {
		t.Error("not undone")
	}
}

func TestDelGoesOnPastFailures(t *testing.T) {
	f := newFixture(t)
	f.fail["DEL net1"] = errors.New("stuck")
	err := f.Del(context.Background(), pod(attachment("eth0", "fake"), attachment("net1", "fake"), attachment("net2", "absent")), "")
	for _, text := range []string{"stuck", `"absent"`} {
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("got %v, want %q in it", err, text)
		}
	}
	f.wantCalls(t, "DEL net1", "DEL eth0", "FLUSH host-net1,host-eth0", "FREE net1", "FREE eth0")
}

func TestDefaultRouteIsInKernelAndResult(t *testing.T) {
	gateways := []netip.Addr{netip.MustParseAddr("10.0.0.9"), netip.MustParseAddr("fd00::9")}
	for _, tt := range []struct {
		name   string
		want   store.DefaultRoutes
		calls  []string
		routes string
	}{
		{"keeps what it has", store.DefaultRoutes{}, nil, "0.0.0.0/0 via 10.0.0.1, 10.9.0.0/16"},
		{"loses IPv4", store.DefaultRoutes{Drop4: true}, []string{"DROP eth0 v6=false"}, "10.9.0.0/16"},
		{"loses IPv6 only", store.DefaultRoutes{Drop6: true}, []string{"DROP eth0 v6=true"}, "0.0.0.0/0 via 10.0.0.1, 10.9.0.0/16"},
		{"gets another", store.DefaultRoutes{Drop4: true, Gateways: gateways},
			[]string{"DROP eth0 v6=false", "ROUTE eth0 [10.0.0.9 fd00::9]"}, "10.9.0.0/16, 0.0.0.0/0 via 10.0.0.9, ::/0 via fd00::9"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t)
			c := pod(attachment("eth0", "fake"))
			c.Attachments[0].DefaultRoutes = tt.want
			if _, _, err := f.Add(context.Background(), c); err != nil {
				t.Fatal(err)
			}
			f.wantCalls(t, append([]string{"ADD eth0"}, tt.calls...)...)
			if got := routesText(t, c.Attachments[0].Result); got != tt.routes {
				t.Errorf("result has %s, want %s", got, tt.routes)
			}
		})
	}
}

// "default-route": [] on net1, whose gateways are IPv4 only: eth0 keeps its IPv6 default route and loses the other.
func TestOwnGatewaysReplaceOnlyTheirFamilies(t *testing.T) {
	f := newFixture(t)
	c := pod(attachment("eth0", "fake"), attachment("net1", "fake"), attachment("net2", "fake"))
	for i := range c.Attachments {
		c.Attachments[i].DefaultRoutes = store.DefaultRoutes{YieldToOwn: true}
	}
	c.Attachments[1].DefaultRoutes = store.DefaultRoutes{Own: true}
	if _, _, err := f.Add(context.Background(), c); err != nil {
		t.Fatal(err)
	}
	f.wantCalls(t, "ADD eth0", "DROP eth0 v6=false", "DROP eth0 v6=true", "ADD net1", "RESTORE eth0 v6=true",
		"DROP net1 v6=false", "ROUTE net1 [10.0.0.7]", "ADD net2", "DROP net2 v6=false")
	for i, want := range []string{"10.9.0.0/16", "10.9.0.0/16, 0.0.0.0/0 via 10.0.0.7", "10.9.0.0/16"} {
		if got := routesText(t, c.Attachments[i].Result); got != want {
			t.Errorf("%s has %s, want %s", c.Attachments[i].IfName, got, want)
		}
	}
}

func routesText(t *testing.T, raw []byte) string {
	t.Helper()
	var result current.Result
	if err := json.Unmarshal(raw, &result); err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, r := range result.Routes {
		text := r.Dst.String()
		if r.GW != nil {
			text += " via " + r.GW.String()
		}
		all = append(all, text)
	}
	return strings.Join(all, ", ")
}

func TestResultHasTheVersionOfTheConfiguration(t *testing.T) {
	for _, version := range []string{"0.3.1", "0.4.0", "1.0.0", "1.1.0"} {
		f := newFixture(t)
		a := attachment("eth0", "fake")
		a.Config = json.RawMessage(strings.Replace(string(a.Config), "1.1.0", version, 1))
		c := pod(a)
		if _, _, err := f.Add(context.Background(), c); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(c.Attachments[0].Result), `"cniVersion":"`+version+`"`) {
			t.Errorf("%s: result %s", version, c.Attachments[0].Result)
		}
		if err := f.Check(context.Background(), c); err != nil {
			t.Errorf("%s: CHECK: %v", version, err)
		}
	}
}

func TestStatusAndGC(t *testing.T) {
	f := newFixture(t)
	config := attachment("eth0", "fake").Config
	if err := f.Status(context.Background(), config, nil, ipam.Prefer); err != nil {
		t.Fatal(err)
	}
	valid := []ipam.Attachment{{ContainerID: "c1", IfName: "eth0"}}
	if err := f.GC(context.Background(), config, nil, ipam.Prefer, valid); err != nil {
		t.Fatal(err)
	}
	if err := f.GC(context.Background(), config, nil, ipam.Prefer, nil); err != nil {
		t.Fatal(err)
	}
	f.wantCalls(t, "STATUS ", "GC [{c1 eth0}]", "GC []")
}

func TestGCWithoutAListIsRefused(t *testing.T) {
	for _, tt := range []struct {
		config string
		want   int // -1: refused
	}{
		{`{}`, -1}, {`{"cni.dev/valid-attachments":null}`, -1}, {`{"cni.dev/valid-attachments":[]}`, 0},
		{`{"cni.dev/attachments":[{"containerID":"a","ifname":"b"}]}`, 1}, {`[`, -1},
	} {
		got, err := ValidAttachments([]byte(tt.config))
		if err != nil != (tt.want < 0) || err == nil && len(got) != tt.want {
			t.Errorf("%s: %v, %v", tt.config, got, err)
		}
	}
}

func TestPolicyDecidesBetweenBuiltinAndBinary(t *testing.T) {
	dir := script(t, "fake", "echo '{\"cniVersion\":\"1.1.0\",\"dns\":{\"domain\":\"binary\"}}'")
	for _, tt := range []struct {
		policy, typ, want string
	}{
		{"prefer", "fake", `"net1"`}, {"only", "fake", `"net1"`}, {"never", "fake", "binary"},
		{"prefer", "other", "install it there"}, {"only", "other", "not built in"},
	} {
		t.Run(tt.policy+" "+tt.typ, func(t *testing.T) {
			f := newFixture(t)
			a := attachment("net1", tt.typ)
			a.Builtins, a.Path = tt.policy, []string{dir}
			c := pod(a)
			_, _, err := f.Add(context.Background(), c)
			if got := fmt.Sprint(string(c.Attachments[0].Result), err); !strings.Contains(got, tt.want) {
				t.Errorf("got %s, want %q", got, tt.want)
			}
		})
	}
}

// script writes an executable of that name and returns its folder.
func script(t *testing.T, name, body string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+body+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestFindNamesEveryMissingPlugin(t *testing.T) {
	f := newFixture(t)
	inside := attachment("net2", "fake")
	inside.Config = json.RawMessage(`{"cniVersion":"1.1.0","name":"n","plugins":[{"type":"fake","ipam":{"type":"noipam"}}]}`)
	err := f.Find(pod(attachment("eth0", "fake"), attachment("net1", "absent"), inside))
	for _, text := range []string{`"default/net1" on net1`, `"absent"`, `"default/net2" on net2`, `"noipam"`} {
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("got %v, want %q in it", err, text)
		}
	}
	if err := f.Find(pod(attachment("eth0", "fake"))); err != nil {
		t.Error(err)
	}
}
