package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/braid-cni/braid/wire"
	"github.com/braid-cni/braid/wire/ask"
)

func (o *options) networkShowCommand() *cobra.Command {
	var namespace string
	cmd := &cobra.Command{
		Use:   "show {NAMESPACE/NAME | NAME}",
		Short: "Show a network: its plugins, bridges and addresses, and the interfaces that the node's pods have on it",
		Long: "Show a network: its plugins, bridges and addresses, and the interfaces that the node's pods have on it. " +
			"NAME is that of the network of eth0, as \"network list\" shows it, or a NetworkAttachmentDefinition in the namespace given.",
		Example: "  braidctl network show default/neta",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			name := args[0]
			if namespace != "" && !strings.Contains(name, "/") {
				name = namespace + "/" + name
			}
			return o.networkShow(cmd, name)
		},
	}
	cmd.Flags().StringVarP(&namespace, "namespace", "n", "", "namespace of NAME; default is the network of eth0 if that is its name, else \"default\"")
	o.outputFlag(cmd)
	return cmd
}

func (o *options) networkShow(cmd *cobra.Command, name string) error {
	reports, err := askAll(cmd.Context(), o, func(ctx context.Context, socket string) (*wire.NetworkReport, error) {
		return ask.Network(ctx, socket, name)
	})
	if err != nil {
		return err
	}
	return o.print(cmd.OutOrStdout(), reports, func(w io.Writer) error { return networkTables(w, reports) })
}

// networkTables writes what each node has of a network.
func networkTables(w io.Writer, reports []*wire.NetworkReport) error {
	for i, r := range reports {
		if i > 0 {
			fmt.Fprintln(w)
		}
		if err := networkFacts(w, r); err != nil {
			return err
		}
		if err := rangeTable(w, r.Ranges); err != nil {
			return err
		}
		if err := memberTable(w, r.Containers); err != nil {
			return err
		}
	}
	return nil
}

func networkFacts(w io.Writer, r *wire.NetworkReport) error {
	f := facts{tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)}
	name := r.Name
	if r.Default {
		name += " (eth0)"
	}
	f.say("Network", name)
	f.say("Node", r.Node)
	f.say("Configuration", strings.TrimSpace(r.CNIName+chained(r.Plugins)))
	if r.Problem != "" {
		f.say("Problem", r.Problem)
	}
	if r.MTU != 0 {
		f.say("MTU", strconv.Itoa(r.MTU))
	}
	for _, b := range r.Bridges {
		f.say("Bridge", strings.TrimSpace(fmt.Sprintf("%s %s mtu %d %s", b.Name, b.State, b.MTU, strings.Join(b.Addresses, ","))))
	}
	return f.Flush()
}

func memberTable(w io.Writer, containers []wire.Container) error {
	fmt.Fprintln(w)
	if len(containers) == 0 {
		_, err := fmt.Fprintln(w, "No pod on this node is attached to it.")
		return err
	}
	t := newTable(w, "POD", "INTERFACE", "ADDRESSES", "MAC", "HOST LINK", "BRIDGE", "MTU", "STATE")
	for _, c := range containers {
		for _, i := range c.Interfaces {
			t.row(append([]string{whose(c)}, interfaceCells(i)...)...)
		}
	}
	return t.Flush()
}

// whose is the pod of a container, or the container where it has none.
func whose(c wire.Container) string {
	if c.Pod == "" {
		return c.ID
	}
	return c.Namespace + "/" + c.Pod
}
