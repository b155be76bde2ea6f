package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/braid-cni/braid/agent"
	"github.com/braid-cni/braid/api/agentconfig"
)

func (o *options) installCommand(log io.Writer) *cobra.Command {
	door := ""
	cmd := &cobra.Command{
		Use:   "install",
		Short: "Bring the host's files up to date before the agent starts: CNI programs, drop-ins for network daemons",
		Long: "Install copies the braid program into the host's CNI folder, under each of its names, and tells systemd-networkd and\n" +
			"NetworkManager, where they are installed, to leave Braid's links, routes and rules alone. What is up to date stays as\n" +
			"it is, and programs that run are not disturbed.",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return o.install(door, slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: &o.logLevel})))
		},
	}
	cmd.Flags().StringVar(&door, "door", "", "the braid program; empty takes the one beside braidd")
	return cmd
}

func (o *options) install(door string, log *slog.Logger) error {
	if door == "" {
		self, err := os.Executable()
		if err != nil {
			return fmt.Errorf("find the braid program (name it by --door): %w", err)
		}
		door = filepath.Join(filepath.Dir(self), "braid")
	}
	config := agentconfig.Default()
	if o.config != "" {
		var err error
		if config, err = o.configuration(); err != nil {
			// A node that had Braid before goes on with what it has.
			log.Warn("the default folders count", "error", err)
		}
	}
	return (&agent.Installer{Door: door, Root: o.root, Config: config, Log: log}).Install()
}
