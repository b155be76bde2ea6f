// Command control runs an API server with its etcd, and nothing else of a cluster: for the benchmark, which runs it in a
// network namespace of its own.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/braid-cni/braid/e2e/binaries"
	"github.com/braid-cni/braid/e2e/cluster"
)

const usage = `usage: control <command>
  build                      build the programs of the cluster, where they are missing, and print the folder of Kubernetes'
  run -programs P -dir D     run those in folder P on 127.0.0.1, with all their files in folder D; print "ready" when they
                             are, and end with the standard input or at SIGTERM. D/admin.kubeconfig is the administrator's,
                             D/audit.log has a line for each request
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The programs end with the thread that starts them, should this process be killed.
	runtime.LockOSThread()
	if err := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "control:", err)
		os.Exit(1)
	}
}

var errUsage = errors.New("say build or run")

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	if len(args) == 0 {
		args = []string{""}
	}
	switch args[0] {
	case "build":
		set, err := binaries.Ensure(ctx, stderr)
		if err == nil {
			fmt.Fprintln(stdout, set.Kubernetes)
		}
		return err
	case "run":
		return serve(ctx, args[1:], stdin, stdout, stderr)
	}
	fmt.Fprint(stderr, usage)
	return errUsage
}

// serve runs the API server until nobody wants it any more.
func serve(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) (err error) {
	flags := flag.NewFlagSet("run", flag.ContinueOnError)
	flags.SetOutput(stderr)
	programs := flags.String("programs", "", "folder of etcd and kube-apiserver")
	dir := flags.String("dir", "", "folder for all files")
	if err := flags.Parse(args); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, stdin)
		cancel()
	}()
	server, err := cluster.StartAPIServer(ctx, *programs, *dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	fmt.Fprintln(stdout, "ready")
	<-ctx.Done()
	return nil
}
