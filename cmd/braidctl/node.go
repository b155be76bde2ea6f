package main

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/braid-cni/braid/wire"
	"github.com/braid-cni/braid/wire/ask"
)

func (o *options) nodeCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "node", Aliases: []string{"nodes", "no"}, Short: "The node and its agent", Args: cobra.NoArgs}
	show := &cobra.Command{
		Use:     "show",
		Short:   "Show whether the node's agent is ready, and what it has: its configuration, networks and addresses",
		Example: "  braidctl node show",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			reports, err := askAll(cmd.Context(), o, ask.Node)
			if err != nil {
				return err
			}
			return o.print(cmd.OutOrStdout(), reports, func(w io.Writer) error { return nodeTables(w, reports) })
		},
	}
	o.outputFlag(show)
	cmd.AddCommand(show)
	return cmd
}

// nodeTables writes what is known of each node, and tables of its networks and ranges.
func nodeTables(w io.Writer, reports []*wire.NodeReport) error {
	for i, r := range reports {
		if i > 0 {
			fmt.Fprintln(w)
		}
		if err := nodeFacts(w, r); err != nil {
			return err
		}
		if err := useTable(w, r.Networks); err != nil {
			return err
		}
		if err := rangeTable(w, r.Ranges); err != nil {
			return err
		}
	}
	return nil
}

func nodeFacts(w io.Writer, r *wire.NodeReport) error {
	f := facts{tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)}
	f.say("Node", r.Node)
	f.say("Version", r.Version)
	f.say("Kernel", r.Kernel)
	f.say("Ready", yesOr(r.Ready, "no: "+r.Reason))
	if c := r.Condition; c != nil {
		f.say(c.Type, map[bool]string{true: "True", false: "False"}[c.Status]+", "+c.Reason)
	}
	f.say("Caches", map[bool]string{true: "in sync", false: "not in sync"}[r.Synced])
	f.say("Configuration", cmp.Or(r.Conflist, "none by the agent"))
	f.say("Cluster network", clusterNetwork(r.ClusterNetwork))
	f.say("Statuses pending", strconv.Itoa(r.Pending))
	collected := "none since the agent started"
	if !r.Collected.IsZero() {
		collected = r.Collected.Format(time.RFC3339)
	}
	f.say("Last GC", collected)
	return f.Flush()
}

func yesOr(yes bool, no string) string {
	if yes {
		return "yes"
	}
	return no
}

func clusterNetwork(c *wire.ClusterNetwork) string {
	if c == nil {
		return "not known before the first call"
	}
	said := c.Network + chained(c.Plugins)
	if c.From != "" {
		said += " from " + c.From
	}
	if c.Problem != "" {
		said += ": " + c.Problem
	}
	return strings.TrimSpace(said)
}

// chained is a chain of plugins behind a name.
func chained(plugins []string) string {
	if len(plugins) == 0 {
		return ""
	}
	return " (" + strings.Join(plugins, ", ") + ")"
}

// Facts are lines of a name and a value.
type facts struct{ *tabwriter.Writer }

// say writes "-" where there is nothing. Errors come out of Flush.
func (f facts) say(name, value string) { fmt.Fprintf(f, "%s:\t%s\n", name, cmp.Or(value, "-")) }

func useTable(w io.Writer, uses []wire.NetworkUse) error {
	if len(uses) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	t := newTable(w, "NETWORK", "PLUGINS", "ATTACHMENTS")
	for _, u := range uses {
		t.row(u.Network, strings.Join(u.Plugins, ","), strconv.Itoa(u.Attachments))
	}
	return t.Flush()
}

func rangeTable(w io.Writer, ranges []wire.Range) error {
	if len(ranges) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	t := newTable(w, "NETWORK", "RANGE", "USED", "TOTAL")
	for _, r := range ranges {
		t.row(r.Network, r.Range, strconv.Itoa(r.Used), r.Total.String())
	}
	return t.Flush()
}
