package agent

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	nadv1 "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"

	"github.com/braid-cni/braid/cluster"
	"github.com/braid-cni/braid/store"
)

// oddPlugin is a third-party plugin that makes nothing, and whose DEL hangs or fails while a file of that name is beside it.
const oddPlugin = `#!/bin/sh
here=${0%/*}
case $CNI_COMMAND in
ADD) echo '{"cniVersion":"1.1.0","interfaces":[{"name":"'$CNI_IFNAME'","sandbox":"'$CNI_NETNS'"}]}' ;;
DEL)
	[ ! -e $here/hang ] || exec sleep 60
	[ ! -e $here/fail ] || { echo '{"code":5,"msg":"no disk"}'; exit 1; }
	echo $CNI_IFNAME >>$here/deleted
	;;
esac
`

// misery is a pod with eth0 and net1 on bridges and net2 by oddPlugin, and what can be done to it before DEL.
type misery struct {
	*node
	netns, bin string
}

func newMisery(t *testing.T, n *node) *misery {
	t.Helper()
	m := &misery{node: n, netns: n.world.Netns(t), bin: t.TempDir()}
	if err := os.WriteFile(filepath.Join(m.bin, "odd"), []byte(oddPlugin), 0o755); err != nil {
		t.Fatal(err)
	}
	n.nad(t, "neta", n.network("bra0", "10.10.0.0/24", `,"isGateway":true,"ipMasq":true`))
	n.nad(t, "odd", `{"cniVersion":"1.1.0","type":"odd"}`)
	n.pod(t, "web", "neta, odd")
	return m
}

func (m *misery) cni(command, netns string) (string, bool) {
	r := m.request(command, "c1", netns, "web")
	r.Path = m.bin
	answer := m.Handle(context.Background(), r)
	return string(answer.Output), !answer.Failed
}

func (m *misery) must(t *testing.T, command, netns string) {
	t.Helper()
	if out, ok := m.cni(command, netns); !ok {
		t.Fatalf("%s: %s", command, out)
	}
}

func (m *misery) plant(t *testing.T, name string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(m.bin, name), nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (m *misery) mend(t *testing.T, name string) {
	t.Helper()
	if err := os.Remove(filepath.Join(m.bin, name)); err != nil {
		t.Fatal(err)
	}
}

// DEL succeeds whatever is missing, the first time and every time after, and leaves nothing.
func TestDelWhateverIsMissing(t *testing.T) {
	for _, test := range []struct {
		name    string
		misery  func(t *testing.T, m *misery)
		netns   func(m *misery) string // CNI_NETNS of DEL; "" for none
		sandbox bool                   // it is there still
	}{
		{name: "nothing", sandbox: true},
		{name: "the namespace", misery: func(t *testing.T, m *misery) { m.world.Remove(m.netns) }},
		{name: "the namespace, but its file is there", netns: func(m *misery) string { return filepath.Join(m.bin, "odd") }, sandbox: true},
		{name: "CNI_NETNS", netns: func(*misery) string { return "" }, sandbox: true},
		{name: "the pod and its networks", misery: func(t *testing.T, m *misery) { m.forgetManifests(t) }, sandbox: true},
		{name: "the API server", misery: func(t *testing.T, m *misery) { m.View = unreachable{} }, sandbox: true},
		{name: "the pod's link", misery: func(t *testing.T, m *misery) { m.loseLink(t) }, sandbox: true},
		{name: "the leases", misery: func(t *testing.T, m *misery) { m.loseLeases(t) }, sandbox: true},
		{name: "everything", netns: func(*misery) string { return "" }, misery: func(t *testing.T, m *misery) {
			m.world.Remove(m.netns)
			m.forgetManifests(t)
			m.loseLeases(t)
			m.View = unreachable{}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			eachNode(t, func(t *testing.T, n *node) {
				m := newMisery(t, n)
				paths := []string{m.netns}
				if !test.sandbox {
					paths = nil
				}
				before := m.state(t, paths...)
				m.must(t, "ADD", m.netns)
				if test.misery != nil {
					test.misery(t, m)
				}
				netns := m.netns
				if test.netns != nil {
					netns = test.netns(m)
				}
				for range 3 {
					m.must(t, "DEL", netns)
				}
				m.must(t, "DEL", "")
				if after := m.state(t, paths...); after != before {
					t.Errorf("left behind:\n%s\nbefore:\n%s", after, before)
				}
			})
		})
	}
}

// A sandbox whose ADD never came has nothing, which is said at once.
func TestDelWithoutAdd(t *testing.T) {
	eachNode(t, func(t *testing.T, n *node) {
		m := newMisery(t, n)
		before := m.state(t, m.netns)
		start := time.Now()
		for _, netns := range []string{m.netns, "", "/run/netns/none"} {
			m.must(t, "DEL", netns)
		}
		if took := time.Since(start); took > time.Second {
			t.Errorf("three DELs of nothing took %v", took)
		}
		if after := m.state(t, m.netns); after != before {
			t.Errorf("DEL changed\n%s\nto\n%s", before, after)
		}
	})
}

// What can be taken away is, the rest is reported, stays known, and is taken away by the agent itself once that works.
func TestDelThatFailsIsResumed(t *testing.T) {
	for _, test := range []struct {
		name, want string
		harm, mend func(t *testing.T, m *misery)
	}{
		{"plugin's binary removed", `find plugin \"odd\"`,
			func(t *testing.T, m *misery) { m.mend(t, "odd") },
			func(t *testing.T, m *misery) {
				if err := os.WriteFile(filepath.Join(m.bin, "odd"), []byte(oddPlugin), 0o755); err != nil {
					t.Fatal(err)
				}
			}},
		{"plugin fails", "no disk",
			func(t *testing.T, m *misery) { m.plant(t, "fail") }, func(t *testing.T, m *misery) { m.mend(t, "fail") }},
		{"plugin hangs", "did not end within its deadline",
			func(t *testing.T, m *misery) { m.plant(t, "hang") }, func(t *testing.T, m *misery) { m.mend(t, "hang") }},
	} {
		t.Run(test.name, func(t *testing.T) {
			eachNode(t, func(t *testing.T, n *node) {
				m := newMisery(t, n)
				before := m.state(t, m.netns)
				m.must(t, "ADD", m.netns)
				test.harm(t, m)
				if out, ok := m.cni("DEL", m.netns); ok || !strings.Contains(out, test.want) {
					t.Fatalf("DEL answered %s, want %s", out, test.want)
				}
				owed := before + "record " + store.Key("c1", "eth0") + "\n"
				if after := m.state(t, m.netns); after != owed {
					t.Errorf("left:\n%s\nwant:\n%s", after, owed)
				}
				test.mend(t, m)
				m.remover(t, before)
			})
		})
	}
}

// remover runs until the node is as it was.
func (m *misery) remover(t *testing.T, want string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- newRemover(m.Agent, 10*time.Millisecond).Run(ctx) }()
	for deadline := time.Now().Add(10 * time.Second); m.state(t, m.netns) != want; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Errorf("the remover left:\n%s\nwant:\n%s", m.state(t, m.netns), want)
			break
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func (m *misery) forgetManifests(t *testing.T) {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(m.dir, "*"))
	if err != nil || len(all) == 0 {
		t.Fatal(all, err)
	}
	for _, file := range all {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
}

func (m *misery) loseLink(t *testing.T) {
	t.Helper()
	pod, err := m.Kernel.Open(m.netns)
	if err != nil {
		t.Fatal(err)
	}
	defer pod.Close()
	if err := pod.DelLink("net1"); err != nil {
		t.Fatal(err)
	}
}

func (m *misery) loseLeases(t *testing.T) {
	t.Helper()
	if err := os.RemoveAll(m.leases); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(m.leases, 0o755); err != nil {
		t.Fatal(err)
	}
}

// unreachable is a cluster whose API server does not answer, seen by an agent that has just started.
type unreachable struct{}

var errUnreachable = errors.New("connection refused")

func (unreachable) Pod(context.Context, string, string, string) (*cluster.Pod, error) {
	return nil, errUnreachable
}

func (unreachable) NAD(context.Context, string, string) (*nadv1.NetworkAttachmentDefinition, error) {
	return nil, errUnreachable
}
func (unreachable) Tenant(context.Context, string) (bool, error) { return false, errUnreachable }

func (unreachable) PublishStatus(context.Context, cluster.PodRef, string) error {
	return errUnreachable
}
func (unreachable) PublishCondition(context.Context, cluster.Condition) error { return errUnreachable }
func (unreachable) Event(cluster.PodRef, cluster.Event)                       {}
func (unreachable) Synced() bool                                              { return false }
