// Command vm runs a program under user-mode Linux. It is made for the go
// command's -exec flag:
//
//	go test -exec vm ./kernel/...
//
// and takes the program's time limit from its -test.timeout.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/braid-cni/braid/e2e/vm"
)

// exitUnknown is the status when the program's own is not known.
const exitUnknown = 70

func main() {
	if vm.Inside() {
		vm.Guest()
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGQUIT)
	defer stop()
	os.Exit(Run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// Run runs the program that args name, in the caller's directory and with its
// environment.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	program, err := programOf(args)
	if err != nil {
		fmt.Fprintln(stderr, "vm:", err)
		return exitUnknown
	}
	code, err := vm.Run(ctx, program, stdout)
	if err != nil {
		fmt.Fprintln(stderr, "vm:", err)
		return exitUnknown
	}
	return code
}
