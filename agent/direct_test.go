package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/braid-cni/braid/kernel/kerneltest"
	"github.com/braid-cni/braid/wire"
)

// part is a call of the bridge by itself.
func part(n *node, command, netns string) *wire.Request {
	r := n.request(command, "c1", netns, "")
	r.Program = "braid-bridge"
	r.Config = fmt.Appendf(nil, `{"cniVersion":"1.1.0","name":"part","type":"braid-bridge",%s`, strings.TrimPrefix(n.network("br-part", "10.9.0.0/24", ""), `{"cniVersion":"1.1.0","type":"bridge",`))
	return r
}

// A runtime whose ADD was broken off calls DEL while the ADD may still be under way.
func TestPartsWaitForTheContainer(t *testing.T) {
	eachNode(t, func(t *testing.T, n *node) {
		netns := n.world.Netns(t)
		before := n.state(t, netns)
		release, err := n.hold(t.Context(), "c1")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if answer := n.Handle(ctx, part(n, "ADD", netns)); !answer.Failed {
			t.Errorf("ADD did not wait: %s", answer.Output)
		}
		if after := n.state(t, netns); after != before {
			t.Errorf("left behind:\n%s", after)
		}
		inside := part(n, "ADD", netns)
		inside.Inside = "c1"
		if answer := n.Handle(t.Context(), inside); answer.Failed {
			t.Errorf("a call from within waits for its own container: %s", answer.Output)
		}
		release()
		if answer := n.Handle(t.Context(), part(n, "DEL", netns)); answer.Failed {
			t.Errorf("DEL: %s", answer.Output)
		}
		if after := n.state(t, netns); after != before {
			t.Errorf("left behind:\n%s", after)
		}
	})
}

// The door of a call that was broken off is gone before its turn comes: nobody would take the result.
func TestNobodysCallIsNotMade(t *testing.T) {
	n := newNode(t, kerneltest.NewFake())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 20 { // a free lock and a context that is done are both ready
		if release, err := n.hold(ctx, "c1"); err == nil {
			release()
			t.Fatal("the container is held for a call that is over")
		}
	}
}

func TestVerbsOfLaterVersionsAreRefused(t *testing.T) {
	n := newNode(t, kerneltest.NewFake())
	for _, tt := range []struct{ command, version string }{{"CHECK", "0.3.1"}, {"STATUS", "1.0.0"}, {"GC", "0.4.0"}} {
		for _, program := range []string{"braid", "braid-bridge"} {
			r := n.request(tt.command, "c1", "/run/netns/x", "")
			r.Program, r.Config = program, fmt.Appendf(nil, `{"cniVersion":%q,"name":"n","type":%q,"cni.dev/valid-attachments":[]}`, tt.version, program)
			answer := n.Handle(t.Context(), r)
			var got wire.Error
			if err := json.Unmarshal(answer.Output, &got); err != nil || !answer.Failed || got.Code != 1 || got.CNIVersion != tt.version {
				t.Errorf("%s %s at %s: %s", program, tt.command, tt.version, answer.Output)
			}
		}
	}
}

// A mistake elsewhere in the configuration does not make its version another one.
func TestVersionOfABadConfiguration(t *testing.T) {
	n := newNode(t, kerneltest.NewFake())
	r := part(n, "ADD", "/run/netns/x")
	r.Config = []byte(`{"cniVersion":"1.0.0","name":"part","type":"braid-bridge","ipam":"x"}`)
	var got wire.Error
	if err := json.Unmarshal(n.Handle(t.Context(), r).Output, &got); err != nil || got.Code != 6 || got.CNIVersion != "1.0.0" {
		t.Errorf("%+v, %v", got, err)
	}
}

// A runtime may have two networks of Braid on one node. GC of one says nothing about the other.
func TestGCLeavesAnotherNetworkAlone(t *testing.T) {
	eachNode(t, func(t *testing.T, n *node) {
		n.pod(t, "web", "")
		netns := n.world.Netns(t)
		n.mustCall(t, "ADD", "c1", netns, "web")
		want := n.state(t, netns)
		for _, name := range []string{"another", ""} {
			r := n.request("GC", "", "", "")
			var config map[string]any
			if err := json.Unmarshal([]byte(n.config()), &config); err != nil {
				t.Fatal(err)
			}
			config["cni.dev/valid-attachments"] = []any{}
			if name != "" {
				config["name"] = name
			}
			r.Config, _ = json.Marshal(config)
			if answer := n.Handle(t.Context(), r); answer.Failed {
				t.Fatalf("%s", answer.Output)
			}
			if got := n.state(t, netns); (got == want) != (name != "") {
				t.Errorf("GC of %q left\n%s", name, got)
			}
		}
	})
}
