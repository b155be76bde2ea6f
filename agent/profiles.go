package agent

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
)

// Profiles is the task that serves what "go tool pprof" asks for, below /debug/pprof/. A profile shows what is in memory, so it
// is served to this machine only.
type Profiles struct {
	// Address is a loopback address with a port, such as "127.0.0.1:6060".
	Address string
	Log     *slog.Logger
}

var _ Task = (*Profiles)(nil)

// String names the task.
func (p *Profiles) String() string { return "profile server" }

// Run serves until ctx is done. It fails at once for an address that others can reach.
func (p *Profiles) Run(ctx context.Context) error {
	address, err := netip.ParseAddrPort(p.Address)
	if err != nil || !address.Addr().IsLoopback() {
		return fmt.Errorf("serve profiles on %q: it must be a loopback address with a port, such as 127.0.0.1:6060", p.Address)
	}
	listener, err := net.Listen("tcp", p.Address)
	if err != nil {
		return fmt.Errorf("listen for profiles: %w", err)
	}
	if err := serveHTTP(ctx, listener, profiles(), p.Log); err != nil {
		return fmt.Errorf("serve profiles: %w", err)
	}
	return nil
}

func profiles() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}
