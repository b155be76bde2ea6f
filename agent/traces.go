package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/braid-cni/braid/ipam"
	"github.com/braid-cni/braid/trace"
	"github.com/braid-cni/braid/wire"
)

// keptTraces is how many ADDs are remembered step by step: those of a node that is full, with some to spare.
const keptTraces = 256

// traces remembers the last ADD of each of the latest pods. The zero value has none.
type traces struct {
	mu   sync.Mutex
	last []*wire.Trace // the oldest first
}

// keep takes the place of an earlier trace of the same pod or container.
func (t *traces) keep(n *wire.Trace) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = slices.DeleteFunc(t.last, func(old *wire.Trace) bool {
		return old.ContainerID == n.ContainerID && old.IfName == n.IfName || n.Pod != "" && old.Namespace == n.Namespace && old.Pod == n.Pod && old.IfName == n.IfName
	})
	if len(t.last) == keptTraces {
		t.last = slices.Delete(t.last, 0, 1)
	}
	t.last = append(t.last, n)
}

// find returns the newest trace of a pod, nil for none.
func (t *traces) find(namespace, pod string) *wire.Trace {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, n := range slices.Backward(t.last) {
		if n.Namespace == namespace && n.Pod == pod {
			return n
		}
	}
	return nil
}

// tracedAdd is ADD with a note of what it spent its time on.
func (a *Agent) tracedAdd(ctx context.Context, r *wire.Request) ([]byte, error) {
	steps, now := trace.New(), time.Now()
	output, err := a.add(trace.With(ctx, steps), r)
	steps.Step("answer")
	named := ipam.ParseArgs(r.Args)
	n := &wire.Trace{
		Namespace: named["K8S_POD_NAMESPACE"], Pod: named["K8S_POD_NAME"], ContainerID: r.ContainerID, IfName: r.IfName,
		Began: now.UTC(), Failed: err != nil,
	}
	if r.Began != 0 {
		n.Began = time.UnixMicro(r.Began).UTC()
		n.Steps = append(n.Steps, wire.Step{Name: "reach the agent", Microseconds: max(now.UnixMicro()-r.Began, 0)})
	}
	for _, s := range steps.Steps() {
		n.Steps = append(n.Steps, wire.Step{Interface: s.Subject, Name: s.Name, Microseconds: s.Took.Microseconds()})
	}
	a.traces.keep(n)
	return output, err
}

// inspectTrace answers with the last ADD of one pod.
func (a *Agent) inspectTrace(_ context.Context, r *wire.Request) ([]byte, error) {
	named := ipam.ParseArgs(r.Args)
	namespace, pod := named["K8S_POD_NAMESPACE"], named["K8S_POD_NAME"]
	found := a.traces.find(namespace, pod)
	if found == nil {
		return nil, fmt.Errorf("no ADD of pod %s/%s is remembered: the agent keeps the last one of %d pods since it started", namespace, pod, keptTraces)
	}
	return json.Marshal(found)
}
