package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/braid-cni/braid/lab"
)

func (o *options) labCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "lab",
		Short: "A laboratory: nodes and pods as network namespaces on this machine, from the manifests that kubectl takes",
		Args:  cobra.NoArgs,
	}
	dir := cmd.PersistentFlags().String("dir", lab.DefaultDir, "the laboratory's folder")
	cmd.AddCommand(labUpCommand(dir), labExecCommand(dir), labDownCommand(dir), labDemoCommand(dir), labTopologyCommand(dir))
	return cmd
}

func labUpCommand(dir *string) *cobra.Command {
	options := lab.Options{}
	cmd := &cobra.Command{
		Use:     "up",
		Short:   "Bring a laboratory up",
		Example: "  braidctl lab up --nodes 2 -f examples/three-networks.yaml\n  braidctl pod show --lab",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			options.Dir = *dir
			l, err := lab.Up(cmd.Context(), options)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d nodes and %d pods are up in %s\n", len(l.Nodes), len(l.Pods), *dir)
			return err
		},
	}
	labFlags(cmd, &options)
	return cmd
}

func labFlags(cmd *cobra.Command, options *lab.Options) {
	f := cmd.Flags()
	f.IntVar(&options.Nodes, "nodes", 1, "number of nodes")
	f.StringArrayVarP(&options.Manifests, "filename", "f", nil, "file of Pods and NetworkAttachmentDefinitions, may be repeated")
	f.StringVar(&options.Programs, "programs", "", "folder of braid and braidd; default is that of braidctl")
}

func labExecCommand(dir *string) *cobra.Command {
	return &cobra.Command{
		Use:     "exec {POD | node/NODE} -- COMMAND [ARG...]",
		Short:   "Run a program of this machine in a pod's network namespace, or on a node",
		Example: "  braidctl lab exec web-1 -- ip addr\n  braidctl lab exec node/node-1 -- bridge link",
		Args:    cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := lab.Open(*dir)
			if err != nil {
				return err
			}
			return l.Exec(cmd.Context(), args[0], args[1:], lab.Streams{In: cmd.InOrStdin(), Out: cmd.OutOrStdout(), Err: cmd.ErrOrStderr()})
		},
	}
}

func labDownCommand(dir *string) *cobra.Command {
	return &cobra.Command{
		Use:   "down",
		Short: "End a laboratory, also one that was left behind, and remove all of it",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := lab.Open(*dir)
			if err != nil {
				return err
			}
			return l.Down(cmd.Context())
		},
	}
}
