package suite

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/braid-cni/braid/bench"
	"github.com/braid-cni/braid/bench/apiserver"
	"github.com/braid-cni/braid/bench/report"
)

const (
	// networksThere is how many networks the cluster has beside those of the pods.
	networksThere = 1000
	// publishWithin bounds the wait until the API server has all statuses.
	publishWithin = 2 * time.Minute
)

// onCluster is what is measured against an API server: Braid as the node's CNI, with the first network from its
// configuration and two that pods name.
type onCluster struct {
	*suite
	server *apiserver.Server
	dir    string
	agent  *bench.Agent
	braid  *bench.Braid
	// names and args are those of the pods that the API server has for us to start.
	names    int
	args     [][][2]string
	networks []string
}

// cluster is what needs an API server.
func (s *suite) cluster(ctx context.Context) (err error) {
	dir, err := s.dir("api-server")
	if err != nil {
		return err
	}
	server, err := apiserver.Start(ctx, *s.API, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	if err := server.Furnish(ctx, s.Definition); err != nil {
		return err
	}
	dir, err = s.dir("braid")
	if err != nil {
		return err
	}
	c := &onCluster{suite: s, server: server, dir: dir}
	c.use(c.newAgent())
	if err := c.define(ctx); err != nil {
		return err
	}
	s.pods.Args = c.next
	defer func() { s.pods.Args = nil }()
	for _, step := range []func(context.Context) error{c.latency, c.costs, c.startUp} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// newAgent returns the node's agent, which is there once at a time.
func (c *onCluster) newAgent() *bench.Agent {
	return bench.NewAgent(c.Braid, c.dir, "--kubeconfig", c.server.Kubeconfig, "--node-name", apiserver.Node).Measured()
}

// use measures an agent from now on.
func (c *onCluster) use(agent *bench.Agent) {
	c.agent, c.braid = agent, bench.NewBraid(agent, bench.Plain(), 3).Naming()
}

// define makes the networks that pods name, and all the others.
func (c *onCluster) define(ctx context.Context) error {
	var nads []apiserver.NAD
	for _, nad := range c.braid.NADs() {
		nads = append(nads, apiserver.NAD{Name: nad[0], Config: nad[1]})
		c.networks = append(c.networks, nad[0])
	}
	for i := range c.n(networksThere) {
		nads = append(nads, apiserver.NAD{Name: fmt.Sprintf("other%d", i), Config: nads[0].Config})
	}
	c.Say("cluster: makes %d networks", len(nads))
	return c.server.Define(ctx, nads)
}

// more makes pods in the API server.
func (c *onCluster) more(ctx context.Context, n int) error {
	names := make([]string, n)
	for i := range names {
		c.names++
		names[i] = fmt.Sprintf("pod%d", c.names)
	}
	args, err := c.server.Pods(ctx, names, c.networks)
	c.args = append(c.args, args...)
	return err
}

// next are the CNI_ARGS of the next pod.
func (c *onCluster) next() (args [][2]string) {
	if len(c.args) > 0 {
		args, c.args = c.args[0], c.args[1:]
	}
	return args
}

// latency compares an ADD that is answered at once with one that waits until the API server has the status.
func (c *onCluster) latency(ctx context.Context) error {
	m := &maker{suite: c.suite}
	rounds := c.n(60)
	// One for each subject and round, and those that stay.
	if err := c.more(ctx, 3*rounds+3); err != nil {
		return err
	}
	return m.rounds(ctx, bench.Rounds{Section: "cluster", Case: report.ThreeNetworks, Rounds: rounds},
		bench.NewFloor(3, placeFloor), c.braid, c.braid.Guest("braid, status sync", map[string]any{"statusPublish": "sync"}))
}

// costs are the requests and the calls of fsync of a pod.
func (c *onCluster) costs(ctx context.Context) error {
	n := c.n(20)
	c.use(c.newAgent().Counted())
	defer func() { c.use(c.newAgent()) }()
	if err := c.more(ctx, n+1); err != nil {
		return err
	}
	m := &maker{suite: c.suite}
	return m.team(ctx, true, func(*bench.Team) error {
		pods, err := c.pods.Take(n)
		if err != nil {
			return err
		}
		if err := c.settled(ctx); err != nil {
			return err
		}
		if err := c.cost(ctx, report.Add, pods, c.braid.Add); err != nil {
			return err
		}
		if err := c.cost(ctx, report.Del, pods, c.braid.Del); err != nil {
			return err
		}
		c.pods.Give(pods...)
		return nil
	}, c.braid)
}

// cost measures what one verb costs, for one pod after another.
func (c *onCluster) cost(ctx context.Context, verb string, pods []*bench.Pod, do func(context.Context, *bench.Pod) error) error {
	before, err := c.server.Requests()
	if err != nil {
		return err
	}
	syncs, counted, err := c.counted(c.braid, func() error {
		for _, pod := range pods {
			if err := do(ctx, pod); err != nil {
				return err
			}
		}
		return c.settled(ctx)
	})
	if err != nil {
		return err
	}
	after, err := c.server.Requests()
	if err != nil {
		return err
	}
	a := func(what string, n int) report.Measurement {
		return report.Measurement{Section: "cluster", Case: "costs of a pod, 3 networks", What: verb + ": " + what, Subject: report.Braid,
			Values: []float64{float64(n) / float64(len(pods))}}
	}
	var rows []report.Measurement
	if counted {
		rows = append(rows, a("fsyncs", syncs))
	}
	all := 0
	for _, what := range slices.Sorted(maps.Keys(after)) {
		if n := after[what] - before[what]; n > 0 {
			all, rows = all+n, append(rows, a(what, n))
		}
	}
	return c.add(append(rows, a("API requests", all)), nil)
}

// settled waits until the API server has the statuses of all pods that were started, and then until the agent has asked
// nothing for a second: events come later.
func (c *onCluster) settled(ctx context.Context) error {
	if err := c.published(ctx); err != nil {
		return err
	}
	for last := -1; ; {
		requests, err := c.server.Requests()
		if err != nil {
			return err
		}
		sum := 0
		for _, n := range requests {
			sum += n
		}
		if sum == last {
			return nil
		}
		last = sum
		if err := pause(ctx, time.Second); err != nil {
			return err
		}
	}
}

// published waits until the API server has the statuses of all pods that were started.
func (c *onCluster) published(ctx context.Context) error {
	deadline := time.Now().Add(publishWithin)
	for {
		pending, err := c.agent.Pending()
		if pending == 0 || err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("wait for %v statuses to be published: %w", pending, os.ErrDeadlineExceeded)
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
