// Command braidd is the node agent: it answers the CNI calls that the braid binary forwards. Where
// there is no cluster, "braidd once" is the CNI plugin itself.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := command(os.Stderr).ExecuteContext(ctx); err != nil {
		if !errors.Is(err, errAnswered) {
			fmt.Fprintln(os.Stderr, "braidd:", err)
		}
		os.Exit(1)
	}
}
