package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const (
	// headerWithin bounds how long a client may take to send its request's header.
	headerWithin = 5 * time.Second
	// drainWithin bounds the end of requests under way when the agent stops.
	drainWithin = 2 * time.Second
)

// Health is the task that serves /metrics, /healthz and /readyz over HTTP.
type Health struct {
	// Address is where it listens, such as "127.0.0.1:9808".
	Address string
	Metrics *Metrics
	// Ready says why pods are not served as configured, nil if they are.
	Ready func() error
	Log   *slog.Logger
}

var _ Task = (*Health)(nil)

// String names the task.
func (h *Health) String() string { return "health server" }

// Run serves until ctx is done.
func (h *Health) Run(ctx context.Context) error {
	listener, err := net.Listen("tcp", h.Address)
	if err != nil {
		return fmt.Errorf("listen for health checks (is another agent running?): %w", err)
	}
	if err := serveHTTP(ctx, listener, h.mux(), h.Log); err != nil {
		return fmt.Errorf("serve health checks: %w", err)
	}
	return nil
}

// serveHTTP serves until ctx is done.
func serveHTTP(ctx context.Context, listener net.Listener, handler http.Handler, log *slog.Logger) error {
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: headerWithin, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	stop := context.AfterFunc(ctx, func() {
		drain, cancel := context.WithTimeout(context.Background(), drainWithin)
		defer cancel()
		if server.Shutdown(drain) != nil {
			server.Close()
		}
	})
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (h *Health) mux() *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(h.Metrics.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", h.ready)
	return mux
}

// ready answers 503 with the reason while pods cannot be served.
func (h *Health) ready(w http.ResponseWriter, _ *http.Request) {
	if err := h.Ready(); err != nil {
		http.Error(w, "not ready: "+err.Error(), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ok")
}
