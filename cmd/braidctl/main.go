// Command braidctl shows what Braid did on a node, and runs the laboratory. Under the name kubectl-braid it is the
// kubectl plugin "kubectl braid".
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := run(ctx, filepath.Base(os.Args[0]), os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	if status, said := exitStatus(err); status != 0 {
		if !said {
			fmt.Fprintln(os.Stderr, "braidctl:", err)
		}
		os.Exit(status)
	}
}
