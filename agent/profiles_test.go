package agent

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Nobody but this machine gets to see what is in the agent's memory.
func TestProfilesAreForThisMachine(t *testing.T) {
	for _, address := range []string{"", "6060", ":6060", "0.0.0.0:0", "192.0.2.1:0", "[::]:0", "localhost:0"} {
		p := &Profiles{Address: address, Log: slog.New(slog.DiscardHandler)}
		if err := p.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "must be a loopback address") {
			t.Errorf("%q: error %v", address, err)
		}
	}
}

func TestProfiles(t *testing.T) {
	server := httptest.NewServer(profiles())
	defer server.Close()
	for _, path := range []string{"/debug/pprof/", "/debug/pprof/goroutine?debug=1", "/debug/pprof/cmdline", "/debug/pprof/profile?seconds=1"} {
		answer, err := http.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK || len(body) == 0 {
			t.Errorf("%s: %s, %d bytes", path, answer.Status, len(body))
		}
	}
}

func TestProfilesEnd(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		ended <- (&Profiles{Address: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler)}).Run(ctx)
	}()
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
