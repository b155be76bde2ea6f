package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/braid-cni/braid/wire"
)

// inspected is two nodes: a pod with three interfaces, one of them missing; a container of no pod; nothing.
func inspected() []*wire.Inspection {
	return []*wire.Inspection{
		{Node: "node-1", Containers: []wire.Container{
			{ID: "c1", Namespace: "default", Pod: "web-1", Attached: true, Interfaces: []wire.Interface{
				{Network: "cluster", Name: "eth0", Default: true, Addresses: []string{"10.244.1.2/24", "fd00::2/64"}, MAC: "02:00:00:00:00:01", MTU: 1500,
					HostLink: "braid0123456789", Bridge: "braid0", State: wire.StateUp},
				{Network: "default/neta", Name: "net1", Addresses: []string{"10.10.0.2/24"}, MAC: "02:00:00:00:00:02", MTU: 1400,
					HostLink: "braidabcdef0123", Bridge: "br-a", State: wire.StateDown},
				{Network: "default/tap", Name: "net2", State: wire.StateMissing},
			}},
			{ID: "c2", Interfaces: []wire.Interface{{Network: "cluster", Name: "eth0", State: wire.StateMissing}}},
		}},
		{Node: "node-2"},
	}
}

const podGolden = `pod default/web-1 on node-1
NETWORK       INTERFACE  ADDRESSES                 MAC                HOST LINK        BRIDGE  MTU   STATE
cluster       eth0       10.244.1.2/24,fd00::2/64  02:00:00:00:00:01  braid0123456789  braid0  1500  up
default/neta  net1       10.10.0.2/24              02:00:00:00:00:02  braidabcdef0123  br-a    1400  down
default/tap   net2       -                         -                  -                -       -     missing

container c2 on node-1 (not attached: an ADD is under way or was broken off)
NETWORK  INTERFACE  ADDRESSES  MAC  HOST LINK  BRIDGE  MTU  STATE
cluster  eth0       -          -    -          -       -    missing
`

const networkGolden = `NETWORK       NODE    BRIDGE  INTERFACES  UP
cluster       node-1  braid0  2           1
default/neta  node-1  br-a    1           0
default/tap   node-1  -       1           0
`

// reported is a node with everything, and one whose agent has just started.
func reported() []*wire.NodeReport {
	return []*wire.NodeReport{
		{
			Node: "node-1", Version: "v1", Kernel: "6.12.0", Reason: "the file is contested", Synced: true,
			Condition: &wire.Condition{Type: "BraidNetworkConfigured", Reason: "ConflistContested", Message: "the file is contested"},
			Conflist:  "/etc/cni/net.d/00-braid.conflist", Pending: 3, Collected: time.Unix(1.7e9, 0).UTC(),
			ClusterNetwork: &wire.ClusterNetwork{From: "/etc/cni/net.d", Network: "calico", Plugins: []string{"calico", "portmap"}},
			Networks:       []wire.NetworkUse{{Network: "calico", Plugins: []string{"calico", "portmap"}, Attachments: 12}},
			Ranges:         []wire.Range{{Network: "default/neta", Range: "fd00::1-fd00::ffff", Used: 1, Total: "65534"}},
		},
		{Node: "node-2", Version: "v1", Kernel: "6.12.0", Ready: true},
	}
}

const nodeGolden = `Node:                    node-1
Version:                 v1
Kernel:                  6.12.0
Ready:                   no: the file is contested
BraidNetworkConfigured:  False, ConflistContested
Caches:                  in sync
Configuration:           /etc/cni/net.d/00-braid.conflist
Cluster network:         calico (calico, portmap) from /etc/cni/net.d
Statuses pending:        3
Last GC:                 2023-11-14T22:13:20Z

NETWORK  PLUGINS         ATTACHMENTS
calico   calico,portmap  12

NETWORK       RANGE               USED  TOTAL
default/neta  fd00::1-fd00::ffff  1     65534

Node:              node-2
Version:           v1
Kernel:            6.12.0
Ready:             yes
Caches:            not in sync
Configuration:     none by the agent
Cluster network:   not known before the first call
Statuses pending:  0
Last GC:           none since the agent started
`

const showGolden = `Network:        default/neta
Node:           node-1
Configuration:  neta (bridge, tuning)
Problem:        no such NetworkAttachmentDefinition
Bridge:         br-a down mtu 1500 10.10.0.1/24,fd00::1/64

POD            INTERFACE  ADDRESSES     MAC                HOST LINK        BRIDGE  MTU   STATE
default/web-1  net1       10.10.0.2/24  02:00:00:00:00:02  braidabcdef0123  br-a    1400  down
c2             net1       -             -                  -                -       -     missing

Network:        cluster (eth0)
Node:           node-2
Configuration:  cluster (bridge)
MTU:            1400

No pod on this node is attached to it.
`

func reportedNetworks() []*wire.NetworkReport {
	member := inspected()[0].Containers[0]
	member.Interfaces = member.Interfaces[1:2]
	return []*wire.NetworkReport{
		{
			Node: "node-1", Name: "default/neta", CNIName: "neta", Plugins: []string{"bridge", "tuning"}, Problem: "no such NetworkAttachmentDefinition",
			Bridges:    []wire.Link{{Name: "br-a", MTU: 1500, Addresses: []string{"10.10.0.1/24", "fd00::1/64"}, State: wire.StateDown}},
			Containers: []wire.Container{member, {ID: "c2", Interfaces: []wire.Interface{{Name: "net1", State: wire.StateMissing}}}},
		},
		{Node: "node-2", Name: "cluster", Default: true, CNIName: "cluster", Plugins: []string{"bridge"}, MTU: 1400},
	}
}

func TestTables(t *testing.T) {
	for _, tt := range []struct {
		name, want string
		write      func(*bytes.Buffer) error
	}{
		{"pods", podGolden, func(b *bytes.Buffer) error { return podTables(b, inspected()) }},
		{"no pods", "No pod has a network from Braid here.\n", func(b *bytes.Buffer) error { return podTables(b, inspected()[1:]) }},
		{"networks", networkGolden, func(b *bytes.Buffer) error { return networkTable(b, networksOf(inspected())) }},
		{"nodes", nodeGolden, func(b *bytes.Buffer) error { return nodeTables(b, reported()) }},
		{"network", showGolden, func(b *bytes.Buffer) error { return networkTables(b, reportedNetworks()) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var b bytes.Buffer
			if err := tt.write(&b); err != nil || b.String() != tt.want {
				t.Errorf("%v, got\n%swant\n%s", err, b.String(), tt.want)
			}
		})
	}
}

func TestRoutes(t *testing.T) {
	pod := func(name, address string) wire.Container {
		return wire.Container{Namespace: "default", Pod: name, Interfaces: []wire.Interface{
			{Network: "cluster", Default: true, Addresses: []string{address}, MTU: 1500},
			{Network: "a", Addresses: []string{"10.10.0." + name + "/24", "fd00::" + name + "/64"}, MTU: 1400},
		}}
	}
	got := map[string]int{}
	for _, r := range routes([]*wire.Inspection{
		{Node: "n1", Containers: []wire.Container{pod("1", "10.244.1.1/24"), pod("2", "10.244.1.2/24")}},
		{Node: "n2", Containers: []wire.Container{pod("3", "10.244.2.3/24")}},
	}) {
		got[r.network+" "+r.from+" "+r.to+" "+r.address.String()] = r.size
	}
	want := map[string]int{
		"cluster default/1 default/2 10.244.1.2": 1500, "cluster default/1 default/3 10.244.2.3": 1500, "cluster default/2 default/3 10.244.2.3": 1500,
		"a default/1 default/2 10.10.0.2": 1400, "a default/1 default/2 fd00::2": 1400,
	}
	for way, size := range want {
		if got[way] != size {
			t.Errorf("%s: %d bytes, want %d", way, got[way], size)
		}
	}
	if len(got) != len(want) {
		t.Errorf("got %v", got)
	}
}

func TestBar(t *testing.T) {
	for _, tt := range []struct {
		at, took, total int64
		want            string
	}{
		{0, 10, 10, strings.Repeat("#", barWidth)},
		{5, 5, 10, strings.Repeat(" ", barWidth/2) + strings.Repeat("#", barWidth/2)},
		{5, 0, 10, strings.Repeat(" ", barWidth/2) + "."},
		{0, 0, 0, "."},
		{0, 1, 10_000, "."},
	} {
		if got := bar(tt.at, tt.took, tt.total); got != tt.want {
			t.Errorf("%d of %d from %d: %q", tt.took, tt.total, tt.at, got)
		}
	}
}
