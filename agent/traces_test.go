package agent

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/braid-cni/braid/kernel/kerneltest"
	"github.com/braid-cni/braid/wire"
)

// traced asks for the last ADD of a pod.
func (n *node) traced(t *testing.T, pod string) (*wire.Trace, string) {
	t.Helper()
	answer := n.Handle(t.Context(), &wire.Request{
		Version: wire.Version, Program: "braidctl", Command: wire.InspectTrace, Args: "K8S_POD_NAMESPACE=default;K8S_POD_NAME=" + pod,
	})
	if answer.Failed {
		return nil, string(answer.Output)
	}
	got := new(wire.Trace)
	if err := json.Unmarshal(answer.Output, got); err != nil {
		t.Fatal(err)
	}
	return got, ""
}

// The steps name what was done for each interface, and together take no longer than the call.
func TestTraceOfAnADD(t *testing.T) {
	eachNode(t, func(t *testing.T, n *node) {
		n.nad(t, "netb", n.network("brb0", "10.11.0.0/24", ""))
		n.pod(t, "web", "netb")
		began := time.Now()
		n.mustCall(t, "ADD", "c1", n.world.Netns(t), "web")
		took := time.Since(began)
		got, refused := n.traced(t, "web")
		if got == nil {
			t.Fatal(refused)
		}
		var names []string
		var sum time.Duration
		for _, s := range got.Steps {
			names = append(names, strings.TrimSpace(s.Interface+" "+s.Name))
			sum += time.Duration(s.Microseconds) * time.Microsecond
		}
		for _, want := range []string{"plan", "intend", "eth0 make the veth", "net1 make the veth", "net1 take addresses from host-local", "commit"} {
			if !strings.Contains("\n"+strings.Join(names, "\n")+"\n", "\n"+want+"\n") {
				t.Errorf("no step %q in %q", want, names)
			}
		}
		if sum > took || sum == 0 {
			t.Errorf("the steps take %v together, the call %v", sum, took)
		}
		if got.ContainerID != "c1" || got.Failed || got.Began.Before(began.Add(-time.Second)) {
			t.Errorf("got %+v", got)
		}
	})
}

// A failed ADD is remembered too, and of a pod the newest one; what is not remembered is said.
func TestTraceOfTheLastADD(t *testing.T) {
	n := newNode(t, kerneltest.NewFake())
	n.pod(t, "web", "none")
	n.call("ADD", "c1", n.world.Netns(t), "web")
	n.call("ADD", "c2", n.world.Netns(t), "web")
	got, refused := n.traced(t, "web")
	if got == nil {
		t.Fatal(refused)
	}
	if !got.Failed || got.ContainerID != "c2" {
		t.Errorf("got %+v", got)
	}
	if _, refused := n.traced(t, "other"); !strings.Contains(refused, "no ADD of pod default/other is remembered") {
		t.Errorf("refused with %q", refused)
	}
}

// Memory does not grow with the pods that came and went.
func TestTracesAreForgotten(t *testing.T) {
	var kept traces
	for i := range keptTraces + 10 {
		kept.keep(&wire.Trace{Namespace: "default", Pod: fmt.Sprint("p", i), ContainerID: fmt.Sprint("c", i), IfName: "eth0"})
	}
	if n := len(kept.last); n != keptTraces {
		t.Errorf("%d are kept, want %d", n, keptTraces)
	}
	if kept.find("default", "p9") != nil || kept.find("default", "p10") == nil {
		t.Error("not the oldest were forgotten")
	}
}
