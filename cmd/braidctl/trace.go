package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/braid-cni/braid/wire"
	"github.com/braid-cni/braid/wire/ask"
)

func (o *options) traceCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "trace", Short: "Where the time of a pod's networks went"}
	cmd.AddCommand(o.traceAddCommand())
	return cmd
}

func (o *options) traceAddCommand() *cobra.Command {
	var namespace string
	cmd := &cobra.Command{
		Use:   "add [NAMESPACE/]NAME",
		Short: "Show the last ADD of a pod step by step, in microseconds",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			name := args[0]
			if before, after, both := strings.Cut(name, "/"); both {
				namespace, name = before, after
			}
			return o.traceAdd(cmd, namespace, name)
		},
	}
	cmd.Flags().StringVarP(&namespace, "namespace", "n", "default", "namespace of the pod")
	o.outputFlag(cmd)
	return cmd
}

// traceAdd asks the agents until one remembers the pod: in a laboratory there are several.
func (o *options) traceAdd(cmd *cobra.Command, namespace, name string) error {
	sockets, err := o.sockets()
	if err != nil {
		return err
	}
	var found *wire.Trace
	var last error
	for _, socket := range sockets {
		if found, last = ask.Trace(cmd.Context(), socket, namespace, name); last == nil {
			break
		}
	}
	if last != nil {
		return last
	}
	return o.print(cmd.OutOrStdout(), found, func(w io.Writer) error { return traceTable(w, found) })
}

func traceTable(w io.Writer, t *wire.Trace) error {
	outcome := ""
	if t.Failed {
		outcome = ", failed"
	}
	if _, err := fmt.Fprintf(w, "ADD of %s/%s at %s%s\n", t.Namespace, t.Pod, t.Began.Format(time.RFC3339Nano), outcome); err != nil {
		return err
	}
	rows := newTable(w, "AT", "TOOK", "INTERFACE", "STEP", "WHEN")
	total, at := int64(0), int64(0)
	for _, s := range t.Steps {
		total += s.Microseconds
	}
	for _, s := range t.Steps {
		rows.row(fmt.Sprint(at), fmt.Sprint(s.Microseconds), s.Interface, s.Name, bar(at, s.Microseconds, total))
		at += s.Microseconds
	}
	rows.row(fmt.Sprint(at), "", "", "done")
	return rows.Flush()
}

// barWidth is how many characters the whole call is wide.
const barWidth = 40

// bar shows when a step was: as wide as it took, and where it began. One that is too short for a character is a dot.
func bar(at, took, total int64) string {
	if total == 0 {
		return "."
	}
	first, last := at*barWidth/total, (at+took)*barWidth/total
	if first == last {
		return strings.Repeat(" ", int(first)) + "."
	}
	return strings.Repeat(" ", int(first)) + strings.Repeat("#", int(last-first))
}
