package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/braid-cni/braid/kernel"
	"github.com/braid-cni/braid/lab/labtest"
	"github.com/braid-cni/braid/wire"
	"github.com/braid-cni/braid/wire/ask"
)

func TestMain(m *testing.M) { os.Exit(labtest.Main(m)) }

const threeNetworks = "../examples/three-networks.yaml"

// up brings a laboratory up and ends it with the test.
func up(t *testing.T, o Options) *Lab {
	t.Helper()
	o.Programs = labtest.Programs(t)
	o.Dir = shortDir(t)
	l, err := Up(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Down(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return l
}

// shortDir is a folder whose path leaves room for a socket's, which is not made yet.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "lab")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Remove(dir); err != nil {
			t.Error(err)
		}
	})
	return filepath.Join(dir, "l")
}

// snapshot is what a laboratory could change on the machine: links, addresses, routes, forwarding, its mounts, its
// folder, and the processes that belong to it.
func snapshot(t *testing.T, dir string) string {
	t.Helper()
	var lines []string
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	err := within("/proc/thread-self/ns/net", func(n kernel.Netns) error {
		links, err := n.Links()
		for _, link := range links {
			addresses, addressErr := n.Addresses(link.Index)
			add("link %+v %+v %v", link, addresses, addressErr)
		}
		routes, routeErr := n.Routes(0)
		forward, forwardErr := n.Sysctl("net/ipv4/ip_forward")
		add("routes %+v forward %s", routes, forward)
		return errors.Join(err, routeErr, forwardErr)
	})
	if err != nil {
		t.Fatal(err)
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		// Others may end theirs at the same time.
		if fields := strings.Fields(line); strings.HasPrefix(fields[1], dir) || fields[0] == "braid-lab" {
			add("mount %s", line)
		}
	}
	_, err = os.Stat(dir)
	add("folder %t", err == nil)
	add("processes %q", processesOf(t, dir))
	return strings.Join(lines, "\n")
}

// processesOf names those that have the folder in their command line.
func processesOf(t *testing.T, dir string) (found []string) {
	t.Helper()
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range lines {
		line, err := os.ReadFile(path)
		if err == nil && strings.Contains(string(line), dir) {
			found = append(found, strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return found
}

func TestMachineStaysAsItWas(t *testing.T) {
	programs, dir := labtest.Programs(t), shortDir(t)
	before := snapshot(t, dir)
	l, err := Up(t.Context(), Options{Dir: dir, Nodes: 2, Manifests: []string{threeNetworks}, Programs: programs})
	if err != nil {
		t.Fatal(err)
	}
	if got := processesOf(t, dir); len(got) != 2 {
		t.Errorf("agents: %q", got)
	}
	other, err := Open(dir) // what another process would have
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Down(t.Context()); err != nil {
		t.Error(err)
	}
	if after := snapshot(t, dir); after != before {
		t.Errorf("left behind:\n%s\nbefore:\n%s", after, before)
	}
	if err := l.Down(t.Context()); err != nil {
		t.Errorf("a second time: %v", err)
	}
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "no laboratory is up") {
		t.Errorf("open what is down: %v", err)
	}
}

// interfaces are those of a pod, by network, as its node's agent sees them.
func interfaces(t *testing.T, l *Lab, pod string) map[string]wire.Interface {
	t.Helper()
	p, err := l.Pod(pod)
	if err != nil {
		t.Fatal(err)
	}
	n, err := l.node(p.Node)
	if err != nil {
		t.Fatal(err)
	}
	inspection, err := ask.Inspection(t.Context(), n.socket(), p.Namespace, p.Name)
	if err != nil || inspection.Node != p.Node || len(inspection.Containers) != 1 {
		t.Fatalf("inspect %s: %+v, %v", pod, inspection, err)
	}
	found := map[string]wire.Interface{}
	for _, i := range inspection.Containers[0].Interfaces {
		found[i.Network] = i
	}
	return found
}

func TestPodsReachEachOther(t *testing.T) {
	l := up(t, Options{Nodes: 2, Manifests: []string{threeNetworks}})
	first, second, far := interfaces(t, l, "web-1"), interfaces(t, l, "web-2"), interfaces(t, l, "web-3")
	for _, tt := range []struct {
		network, ifname, bridge string
		size                    int
		to                      map[string]wire.Interface
	}{
		{"cluster", "eth0", "braid0", 1500, second},
		{"cluster", "eth0", "braid0", 1500, far},
		{"default/neta", "net1", "br-a", 1500, second},
		{"default/netb", "net2", "br-b", 1400, second},
	} {
		mine := first[tt.network]
		if mine.Name != tt.ifname || mine.Bridge != tt.bridge || mine.MTU != tt.size || mine.State != wire.StateUp || mine.HostLink == "" {
			t.Errorf("%s: %+v", tt.network, mine)
		}
		to := netip.MustParsePrefix(tt.to[tt.network].Addresses[0]).Addr()
		if _, err := l.Ping(t.Context(), "web-1", to, tt.size); err != nil {
			t.Error(err)
		}
	}
	to := netip.MustParsePrefix(second["default/netb"].Addresses[0]).Addr()
	if _, err := l.Ping(t.Context(), "web-1", to, 1401); !errors.Is(err, unix.EMSGSIZE) {
		t.Errorf("a byte more than the MTU: %v", err)
	}
	if _, err := l.Ping(t.Context(), "node/node-1", l.Nodes[1].Address.Addr(), 1500); err != nil {
		t.Error(err)
	}
}

func TestExec(t *testing.T) {
	l := up(t, Options{Manifests: []string{threeNetworks}})
	for _, tt := range []struct {
		where, script, want string
		status              int
	}{
		{"web-1", "cut -d: -f1 /proc/net/dev | tr -d ' ' | grep -E '^(lo|eth.|net.)$' | sort | tr -d '\n'", "eth0lonet1net2", 0},
		{"default/web-1", "cat; exit 3", "from stdin", 3},
		{"node/node-1", "cut -d: -f1 /proc/net/dev | tr -d ' ' | grep -E '^(br-.|braid0|uplink)$' | sort | tr -d '\n'", "br-abr-bbraid0uplink", 0},
		{"node/node-1", "cd /etc/cni/net.d; echo *; cd /run/braid; echo *.sock", "00-braid.conflist\nbraid.sock\n", 0},
	} {
		var out bytes.Buffer
		err := l.Exec(t.Context(), tt.where, []string{"sh", "-c", tt.script}, Streams{In: strings.NewReader("from stdin"), Out: &out})
		if got := out.String(); got != tt.want || statusOf(err) != tt.status {
			t.Errorf("%s: %s: %v, %q, want %q", tt.where, tt.script, err, got, tt.want)
		}
	}
	for _, where := range []string{"web-9", "node/node-9", "other/web-1"} {
		if err := l.Exec(t.Context(), where, []string{"true"}, Streams{}); err == nil || !strings.Contains(err.Error(), "has no") {
			t.Errorf("%s: %v", where, err)
		}
	}
}

// statusOf is -1 for an error that is no program's exit.
func statusOf(err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	return -1
}

// The nodes' agents are killed, and the process that brought the laboratory up is no more.
func TestDownAfterTheAgentsDied(t *testing.T) {
	programs, dir := labtest.Programs(t), shortDir(t)
	before := snapshot(t, dir)
	l, err := Up(t.Context(), Options{Dir: dir, Nodes: 2, Manifests: []string{threeNetworks}, Programs: programs})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range l.Nodes {
		if err := unix.Kill(n.Agent.PID, unix.SIGKILL); err != nil || !n.Agent.ended(time.Second) {
			t.Fatal("an agent survives", err)
		}
	}
	stale, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := stale.Down(t.Context()); err != nil {
		t.Error(err)
	}
	if after := snapshot(t, dir); after != before {
		t.Errorf("left behind:\n%s\nbefore:\n%s", after, before)
	}
}

// However far Up came when it was killed, Down ends what is there.
func TestDownOfHalfALaboratory(t *testing.T) {
	programs, dir := labtest.Programs(t), shortDir(t)
	before := snapshot(t, dir)
	o := Options{Dir: dir, Nodes: 2, Manifests: []string{threeNetworks}, Programs: programs}
	plan, err := newPlan(o)
	if err != nil {
		t.Fatal(err)
	}
	steps := []func(l *Lab) error{
		func(l *Lab) error { return os.Truncate(l.path(stateFile), 0) },
		func(l *Lab) error { return l.install(o, plan) },
		func(l *Lab) error { return l.makeSwitch() },
		func(l *Lab) error { return makeNetns(l.Nodes[0].netns()) },
		func(l *Lab) error { return makeNetns(l.netnsOf(l.Pods[0])) },
	}
	for reached := range len(steps) + 1 {
		l, err := claim(dir)
		if err != nil {
			t.Fatal(err)
		}
		for i, step := range steps[:reached] {
			if err := step(l); err != nil {
				t.Fatalf("step %d: %v", i, err)
			}
		}
		stale, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		// What the state file lost with its content is the folder's owner.
		if err := errors.Join(stale.Down(t.Context()), os.RemoveAll(dir)); err != nil {
			t.Errorf("after %d steps: %v", reached, err)
		}
		if after := snapshot(t, dir); after != before {
			t.Errorf("after %d steps:\n%s\nbefore:\n%s", reached, after, before)
		}
	}
}

func TestUpThatFailsLeavesNothing(t *testing.T) {
	programs := labtest.Programs(t)
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	manifest := `kind: Pod
metadata: {name: lost, annotations: {k8s.v1.cni.cncf.io/networks: nowhere}}
`
	if err := os.WriteFile(bad, []byte(manifest), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		o    Options
		want string
	}{
		{"no programs", Options{Programs: t.TempDir()}, "are braid and braidd built?"},
		{"a network that is not there", Options{Programs: programs, Manifests: []string{threeNetworks, bad}}, "nowhere"},
		{"no manifest", Options{Programs: programs, Manifests: []string{"/nowhere.yaml"}}, "/nowhere.yaml"},
		{"too many nodes", Options{Programs: programs, Nodes: 1000}, "1 to 200"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := shortDir(t)
			before := snapshot(t, dir)
			tt.o.Dir = dir
			if _, err := Up(t.Context(), tt.o); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if after := snapshot(t, dir); after != before {
				t.Errorf("left behind:\n%s\nbefore:\n%s", after, before)
			}
		})
	}
}

func TestUpLeavesOthersFoldersAlone(t *testing.T) {
	programs, dir := labtest.Programs(t), t.TempDir()
	file := filepath.Join(dir, "precious")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Up(t.Context(), Options{Dir: dir, Programs: programs}); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
}

func TestExamples(t *testing.T) {
	examples, err := filepath.Glob("../examples/*.yaml")
	if err != nil || len(examples) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, example := range examples {
		t.Run(filepath.Base(example), func(t *testing.T) {
			l := up(t, Options{Nodes: 2, Manifests: []string{example}})
			if len(l.Pods) == 0 {
				t.Error("no pod is in it")
			}
			for _, pod := range l.Pods {
				for network, i := range interfaces(t, l, pod.String()) {
					if i.State != wire.StateUp {
						t.Errorf("%s: %s is %s", pod, network, i.State)
					}
				}
			}
		})
	}
}
