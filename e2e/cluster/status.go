package cluster

import (
	"fmt"
	"io"

	"github.com/braid-cni/braid/e2e/kube"
)

// Attach returns the cluster that is up on this machine. Its error is fs.ErrNotExist when there is none.
func Attach(out io.Writer) (*Cluster, error) {
	s, err := readState()
	if err != nil {
		return nil, err
	}
	c := fromState(s, out)
	for _, n := range c.Nodes {
		n.holder, _ = s.process(n.Name + "/holder")
	}
	c.Kube, err = kube.New(c.Kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("attach to cluster in %s: %w", c.Dir, err)
	}
	return c, nil
}

// WriteStatus writes how to use the cluster and which of its processes run.
func (c *Cluster) WriteStatus(w io.Writer) {
	fmt.Fprintf(w, "export KUBECONFIG=%s\n", c.Kubeconfig)
	fmt.Fprintf(w, "# logs are in %s/control and %s/nodes/*/log\n", c.Dir, c.Dir)
	for _, n := range c.Nodes {
		fmt.Fprintf(w, "# a shell on %s (%s): nsenter --target %d --net --mount\n", n.Name, n.IP, n.holder.PID)
	}
	for _, p := range c.state.Processes {
		status := "runs"
		if !p.alive() {
			status = "has ended"
		}
		fmt.Fprintf(w, "# %-24s %7d %s\n", p.Name, p.PID, status)
	}
}
