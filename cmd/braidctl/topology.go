package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/braid-cni/braid/topology"
	"github.com/braid-cni/braid/wire"
)

func (o *options) topologyCommand() *cobra.Command {
	output := ""
	cmd := &cobra.Command{
		Use:     "topology",
		Aliases: []string{"topo"},
		Short:   "Draw the node with its bridges, host links, pods and their interfaces",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			inspections, err := o.inspect(cmd.Context(), "", "")
			if err != nil {
				return err
			}
			return draw(cmd.OutOrStdout(), output, inspections)
		},
	}
	topologyFlags(cmd, &output)
	return cmd
}

func labTopologyCommand(dir *string) *cobra.Command {
	output := ""
	cmd := &cobra.Command{
		Use:   "topology",
		Short: "Draw the laboratory: its nodes with their bridges, host links, pods and interfaces",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			inspections, err := (&options{lab: *dir}).inspect(cmd.Context(), "", "")
			if err != nil {
				return err
			}
			return draw(cmd.OutOrStdout(), output, inspections)
		},
	}
	topologyFlags(cmd, &output)
	return cmd
}

func topologyFlags(cmd *cobra.Command, output *string) {
	cmd.Flags().StringVarP(output, "output", "o", "text", "how to draw: \"text\", \"dot\" for Graphviz, \"svg\", or \"html\" for a page that loads nothing")
}

// draw writes the picture in one of the forms that there are.
func draw(w io.Writer, form string, inspections []*wire.Inspection) error {
	picture := topology.New(inspections)
	switch form {
	case "text":
		return picture.Tree(w)
	case "dot":
		return picture.Dot(w)
	case "svg":
		return picture.SVG(w)
	case "html":
		return picture.Page(w)
	}
	return fmt.Errorf("output %q is unknown: use text, dot, svg or html", form)
}
