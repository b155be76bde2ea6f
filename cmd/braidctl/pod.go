package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

func (o *options) podCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "pod", Aliases: []string{"pods", "po"}, Short: "Pods and their interfaces"}
	cmd.AddCommand(o.podShowCommand())
	return cmd
}

func (o *options) podShowCommand() *cobra.Command {
	var namespace string
	cmd := &cobra.Command{
		Use:   "show [NAME]",
		Short: "Show every interface of the node's pods, with its host side, as the kernel has it now",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			name := ""
			if len(args) > 0 {
				name = args[0]
			}
			if name != "" && namespace == "" {
				namespace = "default"
			}
			return o.podShow(cmd, namespace, name)
		},
	}
	cmd.Flags().StringVarP(&namespace, "namespace", "n", "", "namespace; with NAME \"default\", else all")
	o.outputFlag(cmd)
	return cmd
}

func (o *options) outputFlag(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&o.output, "output", "o", "", "\"json\", else a table")
}

func (o *options) podShow(cmd *cobra.Command, namespace, name string) error {
	inspections, err := o.inspect(cmd.Context(), namespace, name)
	if err != nil {
		return err
	}
	found := 0
	for _, inspection := range inspections {
		found += len(inspection.Containers)
	}
	if found == 0 && name != "" {
		return fmt.Errorf("no pod %s/%s has a network from Braid on this node", namespace, name)
	}
	return o.print(cmd.OutOrStdout(), inspections, func(w io.Writer) error { return podTables(w, inspections) })
}

// print writes the value as JSON, or the table that is made of it.
func (o *options) print(w io.Writer, value any, table func(io.Writer) error) error {
	switch o.output {
	case "":
		return table(w)
	case "json":
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		return encoder.Encode(value)
	}
	return fmt.Errorf("output %q is unknown: use json, or leave it out for a table", o.output)
}
