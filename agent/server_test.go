package agent

import (
	"context"
	"encoding/binary"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/braid-cni/braid/wire"
)

// handlerFunc makes a function a Handler.
type handlerFunc func(ctx context.Context, r *wire.Request) *wire.Response

func (f handlerFunc) Handle(ctx context.Context, r *wire.Request) *wire.Response { return f(ctx, r) }

// serveCalls runs a Server until the test ends and returns its socket and what stops it.
func serveCalls(t *testing.T, h Handler) (socket string, stop func()) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "braid.sock")
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- (&Server{Socket: socket, Handler: h, Log: slog.New(slog.DiscardHandler)}).Run(ctx) }()
	stop = func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		done <- nil
	}
	t.Cleanup(stop)
	for range 100 {
		if _, err := os.Stat(socket); err == nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	return socket, stop
}

func knock(t *testing.T, socket string) net.Conn {
	t.Helper()
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func TestServerAnswersOneCallAConnection(t *testing.T) {
	socket, _ := serveCalls(t, handlerFunc(func(_ context.Context, r *wire.Request) *wire.Response {
		return &wire.Response{Output: []byte(r.Command)}
	}))
	if info, err := os.Stat(socket); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("socket %v, %v", info.Mode(), err)
	}
	for _, command := range []string{"ADD", "DEL"} {
		conn := knock(t, socket)
		if err := wire.Write(conn, wire.Request{Command: command}); err != nil {
			t.Fatal(err)
		}
		var answer wire.Response
		if err := wire.Read(conn, &answer); err != nil || string(answer.Output) != command {
			t.Errorf("%s: %q, %v", command, answer.Output, err)
		}
	}
}

// A door passes on what it is given, so a call that lacks what its verb needs is the server's to refuse.
func TestServerAnswersDoors(t *testing.T) {
	socket, _ := serveCalls(t, handlerFunc(func(_ context.Context, r *wire.Request) *wire.Response {
		return &wire.Response{Output: []byte(r.Command)}
	}))
	for _, tt := range []struct {
		command, output string
		failed          bool
	}{{"STATUS", "STATUS", false}, {"ADD", `"code":4`, true}, {"EAT", `CNI_COMMAND=\"EAT\"`, true}} {
		conn := knock(t, socket)
		if err := wire.WriteCall(conn, &wire.Request{Program: "braid", Command: tt.command, Config: []byte("{}")}); err != nil {
			t.Fatal(err)
		}
		answer, err := wire.ReadAnswer(conn)
		if err != nil || answer.Failed != tt.failed || !strings.Contains(string(answer.Output), tt.output) {
			t.Errorf("%s: %v, %+v", tt.command, err, answer)
		}
	}
}

// A runtime that gives up kills the door: the call must end, so that the DEL that follows can begin.
func TestServerCancelsACallWhoseDoorIsGone(t *testing.T) {
	ended := make(chan struct{})
	socket, _ := serveCalls(t, handlerFunc(func(ctx context.Context, _ *wire.Request) *wire.Response {
		<-ctx.Done()
		close(ended)
		return &wire.Response{}
	}))
	conn := knock(t, socket)
	if err := wire.Write(conn, wire.Request{Command: "ADD"}); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		t.Fatal("the call goes on")
	}
}

// An agent that is told to stop finishes what it began.
func TestServerFinishesCallsUnderWay(t *testing.T) {
	begun, finish := make(chan struct{}), make(chan struct{})
	socket, stop := serveCalls(t, handlerFunc(func(ctx context.Context, _ *wire.Request) *wire.Response {
		close(begun)
		<-finish
		return &wire.Response{Output: []byte("done"), Failed: ctx.Err() != nil}
	}))
	conn := knock(t, socket)
	if err := wire.Write(conn, wire.Request{Command: "ADD"}); err != nil {
		t.Fatal(err)
	}
	<-begun
	stopped := make(chan struct{})
	go func() { stop(); close(stopped) }()
	time.Sleep(50 * time.Millisecond)
	close(finish)
	var answer wire.Response
	if err := wire.Read(conn, &answer); err != nil || string(answer.Output) != "done" || answer.Failed {
		t.Errorf("%+v, %v", answer, err)
	}
	<-stopped
}

func TestServerOutlivesBadFrames(t *testing.T) {
	socket, _ := serveCalls(t, handlerFunc(func(context.Context, *wire.Request) *wire.Response { return &wire.Response{} }))
	for _, frame := range [][]byte{nil, {1}, binary.BigEndian.AppendUint32(nil, 1<<31), []byte("\x00\x00\x00\x02{x")} {
		conn := knock(t, socket)
		if _, err := conn.Write(frame); err != nil {
			t.Fatal(err)
		}
		conn.Close()
	}
	conn := knock(t, socket)
	if err := wire.Write(conn, wire.Request{}); err != nil {
		t.Fatal(err)
	}
	var answer wire.Response
	if err := wire.Read(conn, &answer); err != nil {
		t.Error(err)
	}
}

func TestContainerLocks(t *testing.T) {
	var locks containerLocks
	unlock, err := locks.lock(context.Background(), "c1")
	if err != nil {
		t.Fatal(err)
	}
	other, err := locks.lock(context.Background(), "c2")
	if err != nil {
		t.Fatal(err)
	}
	other()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := locks.lock(ctx, "c1"); err == nil {
		t.Error("a second call got in")
	}
	unlock()
	if len(locks.held) != 0 {
		t.Errorf("%d locks are kept", len(locks.held))
	}
}
