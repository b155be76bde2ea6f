package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	current "github.com/containernetworking/cni/pkg/types/100"

	"github.com/braid-cni/braid/kernel"
	"github.com/braid-cni/braid/kernel/kerneltest"
	"github.com/braid-cni/braid/wire"
)

// cable is the work of another CNI before Braid in a chain: eth0 with an address and a default route.
func cable(t *testing.T, n *node, netns string) string {
	t.Helper()
	pod, err := n.Kernel.Open(netns)
	if err != nil {
		t.Fatal(err)
	}
	defer pod.Close()
	err = kernel.AddVeth(pod, kernel.Veth{Name: "eth0", MAC: []byte{2, 0, 0, 0, 0, 5}, Peer: "far", PeerMAC: []byte{2, 0, 0, 0, 0, 6}})
	if err != nil {
		t.Fatal(err)
	}
	link, err := pod.Link("eth0")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"far", "eth0"} {
		if err := pod.SetLink(name, kernel.LinkChange{Up: true}); err != nil {
			t.Fatal(err)
		}
	}
	if err := pod.AddAddress(link.Index, kernel.Address{Prefix: netip.MustParsePrefix("10.7.0.5/24")}); err != nil {
		t.Fatal(err)
	}
	if err := kernel.AddDefaultRoutes(n.Kernel, netns, "eth0", netip.MustParseAddr("10.7.0.1")); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`{"cniVersion":"1.0.0","interfaces":[{"name":"host0"},{"name":"eth0","mac":"02:00:00:00:00:05","sandbox":%q}],`+
		`"ips":[{"interface":1,"address":"10.7.0.5/24","gateway":"10.7.0.1"}],"routes":[{"dst":"0.0.0.0/0","gw":"10.7.0.1"}],"dns":{"domain":"d"}}`, netns)
}

func chained(n *node, command, netns, prevResult string) *wire.Request {
	r := n.request(command, "c1", netns, "web")
	r.Config = fmt.Appendf(nil, `{"cniVersion":"1.0.0","name":"calico","type":"braid","pathsAllow":[%q],"prevResult":%s}`, n.leases, prevResult)
	return r
}

// defaultRoute says by which link the pod's IPv4 default route goes.
func defaultRoute(t *testing.T, n *node, netns string) string {
	t.Helper()
	pod, err := n.Kernel.Open(netns)
	if err != nil {
		t.Fatal(err)
	}
	defer pod.Close()
	routes, err := pod.Routes(0)
	if err != nil {
		t.Fatal(err)
	}
	links, err := pod.Links()
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, r := range routes {
		for _, l := range links {
			if r.Dst == netip.MustParsePrefix("0.0.0.0/0") && l.Index == r.Link {
				found = append(found, l.Name+" via "+r.Gateway.String())
			}
		}
	}
	return strings.Join(found, ", ")
}

// As a later link of another CNI's chain Braid adds net1 and passes the result on unchanged.
func TestChainedBehindAnotherCNI(t *testing.T) {
	eachNode(t, func(t *testing.T, n *node) {
		n.nad(t, "neta", n.network("bra0", "10.10.0.0/24", ""))
		n.pod(t, "web", "neta")
		netns := n.world.Netns(t)
		prev := cable(t, n, netns)
		before := n.state(t, netns)
		answer := n.Handle(context.Background(), chained(n, "ADD", netns, prev))
		if answer.Failed {
			t.Fatalf("%s", answer.Output)
		}
		wantSameResult(t, answer.Output, prev)
		if got := defaultRoute(t, n, netns); got != "eth0 via 10.7.0.1" {
			t.Errorf("default route: %s", got)
		}
		c, err := n.Store.Container("c1/eth0")
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{`"name":"calico","interface":"eth0"`, `"default":true`, `"name":"default/neta","interface":"net1"`} {
			if !strings.Contains(c.Status, want) {
				t.Errorf("status %s lacks %s", c.Status, want)
			}
		}
		for _, command := range []string{"CHECK", "DEL", "DEL"} {
			if answer := n.Handle(context.Background(), chained(n, command, netns, prev)); answer.Failed {
				t.Fatalf("%s: %s", command, answer.Output)
			}
		}
		if after := n.state(t, netns); after != before {
			t.Errorf("left behind:\n%s\nbefore:\n%s", after, before)
		}
	})
}

// A default-route on net1 takes the one of eth0 away, which the chain before made, and the result says so.
func TestChainedNetworkTakesTheDefaultRoute(t *testing.T) {
	for name, gateways := range map[string]string{"named": `["10.10.0.1"]`, "its own": `[]`} {
		t.Run(name, func(t *testing.T) {
			eachNode(t, func(t *testing.T, n *node) {
				n.nad(t, "neta", n.network("bra0", "10.10.0.0/24", `,"isGateway":true`))
				n.pod(t, "web", `[{"name":"neta","default-route":`+gateways+`}]`)
				netns := n.world.Netns(t)
				answer := n.Handle(context.Background(), chained(n, "ADD", netns, cable(t, n, netns)))
				if answer.Failed {
					t.Fatalf("%s", answer.Output)
				}
				if got := defaultRoute(t, n, netns); got != "net1 via 10.10.0.1" {
					t.Errorf("default route: %s", got)
				}
				var result current.Result
				if err := json.Unmarshal(answer.Output, &result); err != nil || len(result.Routes) != 0 {
					t.Errorf("%v: the result keeps the route: %s", err, answer.Output)
				}
				n.mustCall(t, "DEL", "c1", netns, "web")
			})
		})
	}
}

// Most pods of a node ask for no network: the chain goes on with what it has, and there is nothing to tell of.
func TestChainedPodWithoutNetworks(t *testing.T) {
	eachNode(t, func(t *testing.T, n *node) {
		n.pod(t, "web", "")
		netns := n.world.Netns(t)
		previous := cable(t, n, netns)
		before := n.state(t, netns)
		answer := n.Handle(context.Background(), chained(n, "ADD", netns, previous))
		if answer.Failed {
			t.Fatalf("%s", answer.Output)
		}
		wantSameResult(t, answer.Output, previous)
		for _, command := range []string{"CHECK", "DEL"} {
			if answer := n.Handle(context.Background(), chained(n, command, netns, previous)); answer.Failed {
				t.Errorf("%s: %s", command, answer.Output)
			}
		}
		if after := n.state(t, netns); after != before {
			t.Errorf("left behind:\n%s\nbefore:\n%s", after, before)
		}
		if all := n.events.take(); len(all) > 0 {
			t.Errorf("the pod's events are %+v", all)
		}
	})
}

// STATUS carries no prevResult: a link of a chain is ready although it names no default network of its own.
func TestChainedIsReady(t *testing.T) {
	n := newNode(t, kerneltest.NewFake())
	r := n.request("STATUS", "", "", "")
	r.Config = []byte(`{"cniVersion":"1.1.0","name":"calico","type":"braid"}`)
	if answer := n.Handle(context.Background(), r); answer.Failed {
		t.Errorf("%s", answer.Output)
	}
}

// A chain that made the default network and a clusterNetwork cannot both be.
func TestChainAndClusterNetworkIsAMistake(t *testing.T) {
	eachNode(t, func(t *testing.T, n *node) {
		n.pod(t, "web", "")
		netns := n.world.Netns(t)
		r := n.request("ADD", "c1", netns, "web")
		r.Config = []byte(strings.TrimSuffix(n.config(), "}") + `,"prevResult":{"cniVersion":"1.1.0"}}`)
		answer := n.Handle(context.Background(), r)
		if !answer.Failed || !strings.Contains(string(answer.Output), "leave clusterNetwork out") {
			t.Errorf("%s", answer.Output)
		}
	})
}

func wantSameResult(t *testing.T, got []byte, want string) {
	t.Helper()
	var a, b current.Result
	if err := json.Unmarshal(got, &a); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(want), &b); err != nil {
		t.Fatal(err)
	}
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	if string(x) != string(y) {
		t.Errorf("result %s\nwant %s", x, y)
	}
}
