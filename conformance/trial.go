package conformance

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// A trial is one step at one version.
type trial struct {
	ctx     context.Context
	suite   *suite
	step    int
	network *network
	host    *host
	// spoiled says that the step did something to the host which is not undone.
	spoiled bool

	mu      sync.Mutex // guards what follows
	boxes   []*sandbox
	made    int
	calls   []Call
	kernel  []string
	reasons []string
	skipped string
}

// take carries a step out, and looks whether the host is then as before.
func (t *trial) take(st step) Result {
	begun := time.Now()
	before, err := t.host.state()
	if err == nil {
		err = st.run(t)
	}
	for _, b := range t.boxes {
		if t.host.removeSandbox(b) != nil {
			t.spoiled = true
		}
	}
	if err == nil && len(t.reasons) == 0 && t.skipped == "" && !t.spoiled {
		err = t.restored(before, "after the step")
	}
	if err != nil {
		t.failf("the step could not be taken: %v", err)
	}
	r := Result{Version: t.network.version, Outcome: Pass, Took: time.Since(begun), Calls: t.calls, Kernel: t.kernel}
	switch {
	case len(t.reasons) > 0:
		r.Outcome, r.Reasons = Fail, t.reasons
	case t.skipped != "":
		r.Outcome, r.Reasons = NotApplicable, []string{t.skipped}
	}
	return r
}

// failf notes why the plugin fails the step. The text says nothing that differs from run to run: calls and kernel do.
func (t *trial) failf(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if reason := fmt.Sprintf(format, args...); !slices.Contains(t.reasons, reason) {
		t.reasons = append(t.reasons, reason)
	}
}

// skip says that the step does not apply.
func (t *trial) skip(reason string) error {
	t.skipped = reason
	return nil
}

// show keeps what the kernel had.
func (t *trial) show(what string, lines []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kernel = append(t.kernel, what+":\n  "+strings.Join(lines, "\n  "))
}

// restored fails the step unless host and sandboxes come to be as before.
func (t *trial) restored(before state, when string, boxes ...*sandbox) error {
	after, err := t.host.settled(before, boxes...)
	if err != nil {
		return err
	}
	came, went := before.changes(after)
	if len(came) > 0 {
		t.failf("%s left behind: %s", when, kinds(came))
		t.show(when+" left behind", came)
	}
	if len(went) > 0 {
		t.failf("%s missing: %s", when, kinds(went))
		t.show(when+" missing", went)
	}
	return nil
}

// An attachment is a container's interface in the making.
type attachment struct {
	network    *network
	box        *sandbox
	id, ifname string
	// result is the final one of ADD; nil before, and after an ADD that failed.
	result json.RawMessage
}

// attachment returns one of a new container.
func (t *trial) attachment() (*attachment, error) {
	t.mu.Lock()
	t.made++
	id := fmt.Sprintf("c%d-%d", t.step, t.made)
	t.mu.Unlock()
	b, err := t.host.newSandbox(id)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.boxes = append(t.boxes, b)
	return &attachment{network: t.network, box: b, id: id, ifname: "eth0"}, nil
}

// attached returns one of a new container after ADD. When that fails, so does the step, and it is nil.
func (t *trial) attached() (*attachment, error) {
	a, err := t.attachment()
	if err != nil {
		return nil, err
	}
	if answer := t.add(a); answer.failed() {
		t.failf("ADD fails: %s", answer.how())
		return nil, nil
	}
	return a, nil
}

// invocation is what a runtime gives the i-th plugin of a network.
func (t *trial) invocation(command string, n *network, i int, a *attachment) *invocation {
	inv := &invocation{
		plugin: n.plugins[i]["type"].(string),
		env:    map[string]string{"CNI_COMMAND": command, "CNI_PATH": t.suite.cniPath()},
	}
	if a == nil {
		inv.config = n.request(i, nil)
		return inv
	}
	inv.env["CNI_CONTAINERID"], inv.env["CNI_NETNS"], inv.env["CNI_IFNAME"] = a.id, a.box.path, a.ifname
	if t.suite.Args != "" {
		inv.env["CNI_ARGS"] = t.suite.Args
	}
	inv.config = n.request(i, a.result)
	return inv
}

// exec executes a plugin and keeps the call for the report.
func (t *trial) exec(i *invocation) answer {
	p, err := t.host.start(t.ctx, i)
	if err != nil {
		return answer{broken: err}
	}
	return t.wait(p)
}

func (t *trial) wait(p *process) answer {
	a := p.wait()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.calls = append(t.calls, a.Call)
	return a
}

// add makes the attachment by each plugin in turn, and stops at one that fails.
func (t *trial) add(a *attachment, edits ...edit) (last answer) {
	a.result = nil
	var prev json.RawMessage
	for i := range a.network.plugins {
		inv := t.invocation("ADD", a.network, i, a)
		if prev != nil {
			inv.config["prevResult"] = prev
		}
		if last = t.exec(inv.edited(edits)); last.failed() {
			return last
		}
		if prev = json.RawMessage(last.Stdout); !json.Valid(prev) {
			last.broken = fmt.Errorf("stdout is not JSON")
			return last
		}
	}
	a.result = prev
	return last
}

// del takes the attachment away, the last plugin first.
func (t *trial) del(a *attachment, edits ...edit) (last answer) {
	for i := len(a.network.plugins) - 1; i >= 0; i-- {
		if last = t.exec(t.invocation("DEL", a.network, i, a).edited(edits)); last.failed() {
			return last
		}
	}
	return last
}

// check asks each plugin whether the attachment is as ADD made it.
func (t *trial) check(a *attachment, edits ...edit) (last answer) {
	for i := range a.network.plugins {
		if last = t.exec(t.invocation("CHECK", a.network, i, a).edited(edits)); last.failed() {
			return last
		}
	}
	return last
}

// whole calls each plugin for the network as a whole: STATUS, GC. The answer is the first failure, or the last success.
func (t *trial) whole(command string, n *network, edits ...edit) (result answer) {
	for i := range n.plugins {
		answer := t.exec(t.invocation(command, n, i, nil).edited(edits))
		if !result.failed() {
			result = answer
		}
	}
	return result
}

// gc says which attachments are there still.
func (t *trial) gc(n *network, valid ...*attachment) answer {
	list := []any{}
	for _, a := range valid {
		list = append(list, object{"containerID": a.id, "ifname": a.ifname})
	}
	return t.whole("GC", n, key("cni.dev/valid-attachments", list))
}

func (i *invocation) edited(edits []edit) *invocation {
	for _, e := range edits {
		e(i)
	}
	return i
}

// mustDel fails the step when DEL does not succeed.
func (t *trial) mustDel(a *attachment, what string, edits ...edit) {
	if answer := t.del(a, edits...); answer.failed() {
		t.failf("%s fails: %s", what, answer.how())
	}
}
