package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/braid-cni/braid/wire"
)

const (
	// requestWithin is how long a door may take to send its request after it connected.
	requestWithin = 10 * time.Second
	// finishWithin is how long calls that are under way when the agent stops may take to end.
	finishWithin = 20 * time.Second
)

// A Handler carries out one CNI call. ctx ends when the caller is gone.
type Handler interface {
	Handle(ctx context.Context, r *wire.Request) *wire.Response
}

// A Server is the task that answers the doors on the node.
type Server struct {
	Socket  string
	Handler Handler
	Log     *slog.Logger
}

var _ Task = (*Server)(nil)

// String names the task.
func (s *Server) String() string { return "CNI server" }

// Run listens until ctx is done, and then waits for the calls under way.
func (s *Server) Run(ctx context.Context) error {
	listener, err := s.listen()
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { listener.Close() })
	defer stop()
	calls, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	var running sync.WaitGroup
	for {
		conn, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			break
		}
		if err != nil {
			return fmt.Errorf("accept a call: %w", err)
		}
		running.Go(func() { s.serve(calls, conn) })
	}
	time.AfterFunc(finishWithin, cancel)
	running.Wait()
	return nil
}

// listen makes the socket, in a folder and with a mode that leave it to root.
func (s *Server) listen() (net.Listener, error) {
	if err := os.MkdirAll(filepath.Dir(s.Socket), 0o700); err != nil {
		return nil, fmt.Errorf("make the socket's folder: %w", err)
	}
	if err := os.Remove(s.Socket); err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("remove the socket of an agent that is gone: %w", err)
	}
	listener, err := net.Listen("unix", s.Socket)
	if err != nil {
		return nil, fmt.Errorf("listen for calls: %w", err)
	}
	if err := os.Chmod(s.Socket, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("close the socket to others: %w", err), listener.Close())
	}
	return listener, nil
}

// serve answers one connection. A call whose door goes away, because the runtime gave up, is cancelled.
func (s *Server) serve(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	request, err := receive(conn)
	if errors.Is(err, io.EOF) {
		return // somebody looked whether the agent listens
	}
	if err != nil {
		s.Log.Warn("a call could not be read", "error", err)
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		conn.Read(make([]byte, 1)) // ends when the door closes, or when the answer is out
		cancel()
	}()
	if err := request.Answer(conn, s.handle(ctx, request)); err != nil {
		s.Log.Warn("an answer could not be sent", "container", request.ContainerID, "command", request.Command, "error", err)
	}
}

// handle answers a call that lacks what its verb needs by itself: the door passes on what it is given.
func (s *Server) handle(ctx context.Context, request *wire.Incoming) *wire.Response {
	if refused := request.Refused; refused != nil {
		s.Log.Warn("a call was refused", "code", refused.Code, "error", oneLine(refused.Msg+": "+refused.Details))
		return refused.Response()
	}
	return s.Handler.Handle(ctx, &request.Request)
}

func receive(conn net.Conn) (*wire.Incoming, error) {
	if err := conn.SetReadDeadline(time.Now().Add(requestWithin)); err != nil {
		return nil, err
	}
	request, err := wire.Receive(conn)
	if err != nil {
		return nil, err
	}
	return request, conn.SetReadDeadline(time.Time{})
}
