package main

import (
	"fmt"
	"io"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"github.com/braid-cni/braid/api/agentconfig"
	"github.com/braid-cni/braid/doctor"
	"github.com/braid-cni/braid/kernel"
)

func (o *options) doctorCommand() *cobra.Command {
	node := &doctor.Node{Built: built(), Now: time.Now}
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Look for what keeps Braid from working on this node, and say how to mend it",
		Long:  "Look for what keeps Braid from working on this node, and say how to mend it. It only reads, needs no cluster, and works while the agent is down. The exit status is 1 when there is a fault.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			node.Socket, node.Kernel, node.Firewall = o.socket, kernel.New(kernel.Options{Root: node.Root}), doctor.NewFirewall("")
			return o.doctor(cmd, node)
		},
	}
	defaults := agentconfig.Default()
	f := cmd.Flags()
	f.StringVar(&node.Root, "root", "/", "the host's root as this process sees it")
	f.StringVar(&node.ConfDir, "conf-dir", defaults.ConfDir, "folder from which the runtime reads CNI configurations")
	f.StringVar(&node.BinDir, "bin-dir", defaults.BinDir, "folder in which the runtime finds CNI plugins")
	o.outputFlag(cmd)
	return cmd
}

// doctor prints what is found, and fails when a fault is among it.
func (o *options) doctor(cmd *cobra.Command, node *doctor.Node) error {
	found := node.Examine(cmd.Context())
	if err := o.print(cmd.OutOrStdout(), found, func(w io.Writer) error { return findings(w, found) }); err != nil {
		return err
	}
	faults := 0
	for _, f := range found {
		if f.State == doctor.Fault {
			faults++
		}
	}
	if faults > 0 {
		return fmt.Errorf("faults found: %d: mend them in the order in which they stand", faults)
	}
	return nil
}

// findings writes a table, and below it how to mend what is in it.
func findings(w io.Writer, found []doctor.Finding) error {
	t := newTable(w, "CHECK", "STATE", "FOUND")
	for _, f := range found {
		t.row(f.Check, string(f.State), f.What)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, f := range found {
		if f.Mend == "" {
			continue
		}
		if _, err := fmt.Fprintf(w, "\n%s: %s\n  %s\n", f.Check, f.What, f.Mend); err != nil {
			return err
		}
	}
	return nil
}

// built is the time of the commit that this program was made of, zero where the Go toolchain stamped none.
func built() time.Time {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return time.Time{}
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.time" {
			t, _ := time.Parse(time.RFC3339, s.Value) // the zero time on failure
			return t
		}
	}
	return time.Time{}
}
