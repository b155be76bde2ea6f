package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/braid-cni/braid/lab"
	"github.com/braid-cni/braid/wire"
)

func labDemoCommand(dir *string) *cobra.Command {
	options := lab.Options{}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Bring a laboratory up, show its pods, ping over every network, and end it",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			options.Dir = *dir
			return demo(cmd.Context(), cmd.OutOrStdout(), options)
		},
	}
	labFlags(cmd, &options)
	return cmd
}

// demo is the whole show. The laboratory is gone when it returns, however it ends.
func demo(ctx context.Context, w io.Writer, options lab.Options) error {
	start := time.Now()
	l, err := lab.Up(ctx, options)
	if err != nil {
		return err
	}
	up := time.Since(start)
	fmt.Fprintf(w, "%d nodes and %d pods, from %s\n\n", len(l.Nodes), len(l.Pods), strings.Join(options.Manifests, ", "))
	shown := time.Now()
	err = show(ctx, w, l)
	looked := time.Since(shown)
	stopped := time.Now()
	if err := errors.Join(err, l.Down(context.WithoutCancel(ctx))); err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "\nAll of it is gone again. Up took %s, tables and pings %s, down %s.\n",
		seconds(up), seconds(looked), seconds(time.Since(stopped)))
	return err
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

// show prints the tables and pings.
func show(ctx context.Context, w io.Writer, l *lab.Lab) error {
	inspections, err := askEach(ctx, l.Sockets(), about("", ""))
	if err != nil {
		return err
	}
	if err := podTables(w, inspections); err != nil {
		return err
	}
	fmt.Fprint(w, "\nPings with the largest packet that each network takes in one piece:\n")
	return pingTable(ctx, w, l, routes(inspections))
}

// A route is a way from one pod to another that has to work.
type route struct {
	network  string
	from, to string
	address  netip.Addr
	// size is the largest packet, in bytes.
	size int
}

// An end is an interface of a pod.
type end struct {
	wire.Interface
	node, pod string
}

// routes are the ways between any two pods on the same network: on the cluster network between all nodes, on others
// within a node, where the bridge is.
func routes(inspections []*wire.Inspection) []route {
	var ends []end
	for _, inspection := range inspections {
		for _, c := range inspection.Containers {
			for _, i := range c.Interfaces {
				ends = append(ends, end{Interface: i, node: inspection.Node, pod: c.Namespace + "/" + c.Pod})
			}
		}
	}
	var all []route
	for n, from := range ends {
		for _, to := range ends[n+1:] {
			if from.pod != to.pod && from.Network == to.Network && (from.Default || from.node == to.node) {
				all = append(all, between(from, to)...)
			}
		}
	}
	return all
}

func between(from, to end) []route {
	var all []route
	for _, text := range to.Addresses {
		if prefix, err := netip.ParsePrefix(text); err == nil {
			all = append(all, route{network: from.Network, from: from.pod, to: to.pod, address: prefix.Addr(), size: min(from.MTU, to.MTU)})
		}
	}
	return all
}

// pingTable pings every way, goes on after a failure, and returns all failures.
func pingTable(ctx context.Context, w io.Writer, l *lab.Lab, routes []route) error {
	t := newTable(w, "NETWORK", "FROM", "TO", "ADDRESS", "BYTES", "ANSWER")
	var failures []error
	for _, r := range routes {
		took, err := l.Ping(ctx, r.from, r.address, r.size)
		answer := fmt.Sprintf("%.3f ms", float64(took.Microseconds())/1000)
		if err != nil {
			answer = "none"
			failures = append(failures, err)
		}
		t.row(r.network, r.from, r.to, r.address.String(), strconv.Itoa(r.size), answer)
	}
	return errors.Join(append(failures, t.Flush())...)
}
