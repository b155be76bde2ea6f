package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/braid-cni/braid/lab"
	"github.com/braid-cni/braid/wire"
	"github.com/braid-cni/braid/wire/ask"
)

// options are the flags that every command knows.
type options struct {
	socket string
	// lab is the folder of a laboratory whose agents are asked instead of the one at socket.
	lab    string
	output string
}

// run is the whole program but for its exit status.
func run(ctx context.Context, program string, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	cmd := command(program)
	cmd.SetArgs(args)
	cmd.SetIn(stdin)
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)
	return cmd.ExecuteContext(ctx)
}

// exitStatus is 1 for an error. A program that was run in the laboratory hands its own on and has said why.
func exitStatus(err error) (status int, said bool) {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0, true
	case errors.As(err, &exit) && exit.ExitCode() > 0:
		return exit.ExitCode(), true
	}
	return 1, false
}

// command returns the command line.
func command(program string) *cobra.Command {
	o := new(options)
	cmd := &cobra.Command{
		Use:           "braidctl",
		Short:         "Look at Braid's networks on a node, and try them out in a laboratory",
		Version:       version(),
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	if program == "kubectl-braid" {
		cmd.Annotations = map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl braid"}
	}
	f := cmd.PersistentFlags()
	f.StringVar(&o.socket, "socket", defaultSocket(os.Getenv), "socket of the node's agent")
	f.StringVar(&o.lab, "lab", "", "ask the agents of the laboratory in this folder (without a value "+lab.DefaultDir+")")
	f.Lookup("lab").NoOptDefVal = lab.DefaultDir
	cmd.AddCommand(o.podCommand(), o.networkCommand(), o.nodeCommand(), o.topologyCommand(), o.traceCommand(), o.labCommand(), o.doctorCommand(), versionCommand())
	return cmd
}

func defaultSocket(getenv func(string) string) string {
	if socket := getenv(wire.SocketVariable); socket != "" {
		return socket
	}
	return wire.Socket
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), "braidctl", version())
			return err
		},
	}
}

// version is what the Go toolchain stamped: a release's tag, or a commit.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}

// inspect asks the node's agent, or those of the laboratory. namespace and name choose pods where they are not empty.
func (o *options) inspect(ctx context.Context, namespace, name string) ([]*wire.Inspection, error) {
	return askAll(ctx, o, about(namespace, name))
}

// A question is put to the agent at a socket.
type question[T any] func(ctx context.Context, socket string) (T, error)

// about asks for pods.
func about(namespace, name string) question[*wire.Inspection] {
	return func(ctx context.Context, socket string) (*wire.Inspection, error) {
		return ask.Inspection(ctx, socket, namespace, name)
	}
}

// askAll asks the node's agent, or those of the laboratory.
func askAll[T any](ctx context.Context, o *options, q question[T]) ([]T, error) {
	sockets, err := o.sockets()
	if err != nil {
		return nil, err
	}
	return askEach(ctx, sockets, q)
}

// sockets are those of the node's agent, or of the laboratory's.
func (o *options) sockets() ([]string, error) {
	if o.lab == "" {
		return []string{o.socket}, nil
	}
	l, err := lab.Open(o.lab)
	if err != nil {
		return nil, err
	}
	return l.Sockets(), nil
}

// askEach asks every agent.
func askEach[T any](ctx context.Context, sockets []string, q question[T]) ([]T, error) {
	var all []T
	for _, socket := range sockets {
		answer, err := q(ctx, socket)
		if err != nil {
			return nil, err
		}
		all = append(all, answer)
	}
	return all, nil
}
