package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/containernetworking/cni/pkg/types"
	"github.com/spf13/cobra"

	"github.com/braid-cni/braid/agent"
	"github.com/braid-cni/braid/cluster/files"
	"github.com/braid-cni/braid/store"
	"github.com/braid-cni/braid/wire"
)

// errAnswered is a failure that stdout has told already, as a CNI error.
var errAnswered = errors.New("the call failed, stdout says why")

// A call is what a plugin gets from a runtime, but for its flags.
type call struct {
	// program is the name of the plugin, "braid" or one of those of its parts, such as "braid-bridge".
	program string
	getenv  func(string) string
	stdin   io.Reader
	stdout  io.Writer
}

func (o *options) onceCommand(log io.Writer) *cobra.Command {
	program := ""
	cmd := &cobra.Command{
		Use:   "once --files FOLDER",
		Short: "Carry out one CNI call without a daemon, on a machine without a cluster",
		Long: "Once is the plugin itself: it reads the CNI environment and stdin, carries the call out and prints the result.\n" +
			"It is for machines without a cluster. A script that executes it is the file in CNI_PATH:\n\n" +
			"  #!/bin/sh\n  exec braidd once --files /etc/braid/manifests",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c := call{program: program, getenv: os.Getenv, stdin: cmd.InOrStdin(), stdout: cmd.OutOrStdout()}
			return o.once(cmd.Context(), c, slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: &o.logLevel})))
		},
	}
	cmd.Flags().StringVar(&program, "as", "braid", "name of the plugin to be, such as braid-bridge")
	return cmd
}

// once carries out one call. The agent that it makes for it is the daemon's.
func (o *options) once(ctx context.Context, c call, log *slog.Logger) error {
	r, refused := wire.ReadCall(c.program, c.getenv, c.stdin)
	if refused != nil {
		return c.fail(refused)
	}
	if r.Command == "VERSION" {
		return json.NewEncoder(c.stdout).Encode(r.Versions())
	}
	if o.files == "" {
		return c.fail(r.Refuse(types.ErrInvalidNetworkConfig, "--files is missing: on a cluster the agent runs as a daemon", ""))
	}
	response, err := o.handle(ctx, r, log)
	if err != nil {
		return c.fail(r.Refuse(types.ErrTryAgainLater, err.Error(), ""))
	}
	if _, err := c.stdout.Write(response.Output); err != nil {
		return fmt.Errorf("print the result: %w", err)
	}
	if response.Failed {
		return errAnswered
	}
	return nil
}

// handle holds the store, which it waits for as long as store.Open does, for calls that use it. A part of Braid that a
// third-party plugin calls from within a call does not, and STATUS must not wait.
func (o *options) handle(ctx context.Context, r *wire.Request, log *slog.Logger) (response *wire.Response, err error) {
	var state *store.Store
	if r.Command != "STATUS" && !strings.HasPrefix(r.Program, "braid-") {
		if state, err = store.Open(filepath.Join(o.state, "braid.db"), nil); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, state.Close()) }()
	}
	view, metrics := files.New(o.files), agent.NewMetrics()
	handler, err := o.handler(state, view, agent.NewPublisher(state, view, log), metrics, log)
	if err != nil {
		return nil, err
	}
	return handler.Handle(ctx, r), nil
}

func (c call) fail(e *wire.Error) error {
	if err := json.NewEncoder(c.stdout).Encode(e); err != nil {
		return fmt.Errorf("print an error: %w", err)
	}
	return errAnswered
}
