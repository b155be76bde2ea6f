package main

import (
	"bytes"
	"testing"

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

func TestTables(t *testing.T) {
	for _, tt := range []struct {
		name, want string
		write      func(*bytes.Buffer) error
	}{
		{"pods", podGolden, func(b *bytes.Buffer) error { return podTables(b, inspected()) }},
		{"no pods", "No pod has a network from Braid here.\n", func(b *bytes.Buffer) error { return podTables(b, inspected()[1:]) }},
		{"networks", networkGolden, func(b *bytes.Buffer) error { return networkTable(b, networksOf(inspected())) }},
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
