package main

import (
	"cmp"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/braid-cni/braid/wire"
)

func (o *options) networkCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "network", Aliases: []string{"networks", "net"}, Short: "The networks that pods are attached to"}
	list := &cobra.Command{
		Use:   "list",
		Short: "List the networks of the node's pods",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			inspections, err := o.inspect(cmd.Context(), "", "")
			if err != nil {
				return err
			}
			all := networksOf(inspections)
			return o.print(cmd.OutOrStdout(), all, func(w io.Writer) error { return networkTable(w, all) })
		},
	}
	o.outputFlag(list)
	cmd.AddCommand(list, o.networkShowCommand())
	return cmd
}

// A network is what the pods of one node say of it.
type network struct {
	Node       string   `json:"node,omitempty"`
	Name       string   `json:"name"`
	Bridges    []string `json:"bridges,omitempty"`
	Interfaces int      `json:"interfaces"`
	Up         int      `json:"up"`
}

// networksOf collects the networks, sorted by node and name.
func networksOf(inspections []*wire.Inspection) []*network {
	found := map[[2]string]*network{}
	for _, inspection := range inspections {
		for _, c := range inspection.Containers {
			for _, i := range c.Interfaces {
				key := [2]string{inspection.Node, i.Network}
				if found[key] == nil {
					found[key] = &network{Node: inspection.Node, Name: i.Network}
				}
				found[key].count(i)
			}
		}
	}
	return slices.SortedFunc(maps.Values(found), func(a, b *network) int {
		return cmp.Or(cmp.Compare(a.Node, b.Node), cmp.Compare(a.Name, b.Name))
	})
}

func (n *network) count(i wire.Interface) {
	n.Interfaces++
	if i.State == wire.StateUp {
		n.Up++
	}
	if i.Bridge != "" && !slices.Contains(n.Bridges, i.Bridge) {
		n.Bridges = append(n.Bridges, i.Bridge)
	}
}

func networkTable(w io.Writer, networks []*network) error {
	t := newTable(w, "NETWORK", "NODE", "BRIDGE", "INTERFACES", "UP")
	for _, n := range networks {
		t.row(n.Name, n.Node, strings.Join(n.Bridges, ","), strconv.Itoa(n.Interfaces), strconv.Itoa(n.Up))
	}
	return t.Flush()
}
