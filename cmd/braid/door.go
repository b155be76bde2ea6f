package main

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/braid-cni/braid/wire"
)

// The CNI error codes that the door itself can answer (CNI spec 1.1, section 5).
const (
	codeConfig       = 7
	codeTryLater     = 11
	codeNotAvailable = 50
)

const (
	// statusTimeout bounds STATUS: containerd holds a lock while it waits and sets no deadline of its own.
	statusTimeout = time.Second
	// readyFor is how long the agent's last ready mark counts while the agent is away.
	readyFor = 60 * time.Second
)

// errBrokenOff is what becomes of a call that is not made twice.
var errBrokenOff = errors.New("the connection to the agent broke off, which may have carried the call out")

// A door is one call of the plugin.
type door struct {
	began   time.Time
	program string
	getenv  func(string) string
	stdin   io.Reader
	stdout  io.Writer
	// broken says that the agent was asked already, and did not answer.
	broken bool
}

// run carries out the call and returns the exit status.
func (d door) run() int {
	r, refused := wire.ReadCall(d.program, d.getenv, d.stdin)
	if refused != nil {
		return d.fail(refused)
	}
	r.Began = d.began.UnixMicro()
	switch r.Command {
	case "VERSION":
		return d.print(r.Versions())
	case "STATUS":
		return d.status(r)
	}
	return d.forward(r)
}

// forward sends the call to the agent, for which it waits as long as the configuration says, and prints the answer.
func (d door) forward(r *wire.Request) int {
	patience, err := r.Timeout()
	if err != nil {
		return d.fail(r.Refuse(codeConfig, err.Error(), ""))
	}
	answer, err := d.ask(r, d.began.Add(patience))
	if err != nil {
		return d.fail(r.Refuse(codeTryLater, "the Braid agent on this node did not answer; is braidd running?", err.Error()))
	}
	return d.answer(answer)
}

func (d door) ask(r *wire.Request, deadline time.Time) (*wire.Response, error) {
	if d.broken && (r.Command == "ADD" || time.Now().After(deadline)) {
		return nil, errBrokenOff
	}
	return call(d.socket(), r, deadline)
}

// status asks the agent for a second at most. While the agent is away it counts as ready for as long as its last ready
// mark is young: a restart must not make the node NotReady.
func (d door) status(r *wire.Request) int {
	answer, err := exchange(d.socket(), r, time.Now().Add(statusTimeout))
	if err == nil {
		return d.answer(answer)
	}
	mark, statErr := os.Stat(filepath.Join(filepath.Dir(d.socket()), filepath.Base(wire.ReadyMark)))
	if statErr == nil && time.Since(mark.ModTime()) < readyFor {
		return 0
	}
	return d.fail(r.Refuse(codeNotAvailable, "the Braid agent on this node is not ready; is braidd running?", err.Error()))
}

// socket is the agent's. Another one is named in the environment, which only the runtime sets.
func (d door) socket() string {
	if path := d.getenv(wire.SocketVariable); path != "" {
		return path
	}
	return wire.Socket
}

func (d door) answer(r *wire.Response) int {
	if _, err := d.stdout.Write(r.Output); err != nil || r.Failed {
		return 1
	}
	return 0
}

func (d door) fail(e *wire.Error) int { return d.answer(e.Response()) }

func (d door) print(v any) int {
	if err := json.NewEncoder(d.stdout).Encode(v); err != nil {
		return 1
	}
	return 0
}
