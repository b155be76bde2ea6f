// Command cluster brings a real Kubernetes cluster up on this machine, for work by hand, and down again.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"syscall"

	"github.com/braid-cni/braid/e2e/binaries"
	"github.com/braid-cni/braid/e2e/cluster"
	"github.com/braid-cni/braid/e2e/install"
)

const usage = `usage: cluster <command>
  up [-n nodes] [-cni none|bridge] [-braid] [-dir folder]   bring a cluster up (root; the first time it builds for ten minutes)
  down                                                      take it down
  status                                                    what runs, and how to use it
  build                                                     only build the programs that up needs
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

var errUsage = errors.New("say up, down, status or build")

// run writes what a shell or a person wants to use to stdout, and progress to stderr.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) == 0 {
		fmt.Fprint(stderr, usage)
		return errUsage
	}
	switch args[0] {
	case "up":
		return up(ctx, args[1:], stdout, stderr)
	case "down":
		return cluster.Down(ctx, stderr)
	case "status":
		return status(stdout)
	case "build":
		_, err := binaries.Ensure(ctx, stderr)
		return err
	}
	fmt.Fprint(stderr, usage)
	return errUsage
}

func up(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	options := cluster.Options{Out: stderr, Detached: true, Plugins: true}
	flags := flag.NewFlagSet("up", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&options.Nodes, "n", 2, "how many nodes")
	flags.StringVar((*string)(&options.CNI), "cni", string(cluster.Bridge), "what connects pods: none or bridge")
	braid := flags.Bool("braid", false, "install Braid, as this checkout has it")
	flags.StringVar(&options.Dir, "dir", "", "folder for data and logs (default: in the user's cache folder)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	c, err := cluster.Up(ctx, options)
	if err != nil {
		return err
	}
	c.WriteStatus(stdout)
	if !*braid {
		return nil
	}
	if err := install.Braid(ctx, c); err != nil {
		return err
	}
	fmt.Fprintln(stderr, "Braid is installed")
	return nil
}

func status(stdout io.Writer) error {
	c, err := cluster.Attach(io.Discard)
	if errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintln(stdout, "# no cluster is up")
		return nil
	}
	if err != nil {
		return err
	}
	c.WriteStatus(stdout)
	return nil
}
