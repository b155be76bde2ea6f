package doctor

import (
	"context"
	"fmt"
	"time"

	"github.com/braid-cni/braid/kernel"
	"github.com/braid-cni/braid/wire"
	"github.com/braid-cni/braid/wire/ask"
)

// answerWithin is how long the agent may take for one answer.
const answerWithin = 3 * time.Second

// A visit is one look at a node: what several checks need is read once, so that they speak of the same moment.
type visit struct {
	*Node
	files files
	// host is nil when hostErr says why.
	host    kernel.Netns
	hostErr error
	// links were listed before the agent was asked: whatever was made by then, the agent knows.
	links []kernel.Link
	// inspection is nil when inspectionErr says why.
	inspection    *wire.Inspection
	inspectionErr error
	// confs are the files of ConfDir that a runtime considers, in its order.
	confs    []confFile
	confsErr error
}

func (n *Node) visit(ctx context.Context) *visit {
	v := &visit{Node: n, files: files{n.Root}}
	if v.host, v.hostErr = n.Kernel.Host(); v.hostErr == nil {
		v.links, v.hostErr = v.host.Links()
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	v.inspection, v.inspectionErr = ask.Inspection(ctx, n.Socket, "", "")
	v.confs, v.confsErr = v.readConfs()
	return v
}

func (v *visit) close() {
	if v.host != nil {
		_ = v.host.Close() // nothing was written
	}
}

// link is the host's link of that name, as it was when the visit began.
func (v *visit) link(name string) (kernel.Link, bool) {
	for _, l := range v.links {
		if l.Name == name {
			return l, true
		}
	}
	return kernel.Link{}, false
}

// attachments calls f for each interface that the agent knows; for none when it does not answer.
func (v *visit) attachments(f func(wire.Container, wire.Interface)) {
	if v.inspection != nil {
		attachments(v.inspection, f)
	}
}

func attachments(inspection *wire.Inspection, f func(wire.Container, wire.Interface)) {
	for _, c := range inspection.Containers {
		for _, i := range c.Interfaces {
			f(c, i)
		}
	}
}

// podName is what people call a container.
func podName(c wire.Container) string {
	if c.Pod == "" {
		return "container " + c.ID
	}
	return fmt.Sprintf("pod %s/%s", c.Namespace, c.Pod)
}
