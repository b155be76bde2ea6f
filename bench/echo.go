package bench

import (
	"fmt"
	"net"
	"path/filepath"

	"github.com/braid-cni/braid/wire"
)

// An Echo is an agent that answers every call at once, with nothing: what is left of a call's time is the door's.
type Echo struct {
	listener net.Listener
	socket   string
}

// NewEcho listens in a folder until it is closed.
func NewEcho(dir string) (*Echo, error) {
	e := &Echo{socket: filepath.Join(dir, "echo.sock")}
	var err error
	if e.listener, err = net.Listen("unix", e.socket); err != nil {
		return nil, fmt.Errorf("listen for doors: %w", err)
	}
	go e.serve()
	return e, nil
}

func (e *Echo) serve() {
	for {
		conn, err := e.listener.Accept()
		if err != nil {
			return
		}
		// A door that gets no answer fails, and the measurement with it.
		if call, err := wire.Receive(conn); err == nil {
			_ = call.Answer(conn, new(wire.Response))
		}
		_ = conn.Close()
	}
}

// Close ends it.
func (e *Echo) Close() error { return e.listener.Close() }

// Del is the door in bin, which asks it.
func (e *Echo) Del(subject, path string) Program {
	return Program{Subject: subject, Path: path, Stdin: `{"cniVersion":"1.1.0","name":"net","type":"braid"}`, Env: []string{
		"CNI_COMMAND=DEL", "CNI_CONTAINERID=c1", "CNI_IFNAME=eth0", "CNI_PATH=" + filepath.Dir(path), wire.SocketVariable + "=" + e.socket,
	}}
}
