package main

import (
	"bytes"
	"io"
	"time"

	"github.com/braid-cni/braid/wire"
)

// handed is what main takes over of a call that early began. It is the memory that early works in, there being no other.
var handed handover

// A handover is one call. Its frames are as package wire has them.
type handover struct {
	call   [wire.HeadSize + 1<<10 + wire.MaxEnvironment + wire.MaxConfig + 1]byte
	filled uint
	// config is where stdin begins in call, 0 if nothing was read of it.
	config uint
	// began is the time in microseconds since 1970, 0 if there was nothing before main.
	began int64
	// broken says that the agent may have the call, and did not answer.
	broken bool

	// agent is the connection, and where it leads.
	agent   uintptr
	address socketAddress
	answer  [wire.HeadSize + wire.MaxFrame]byte
}

// A socketAddress is sockaddr_un, whose path ends with a NUL.
type socketAddress struct {
	family uint16
	path   [108]byte
}

// rest is stdin: what was read of it, and what was not.
func (h *handover) rest(stdin io.Reader) io.Reader {
	if h.config == 0 {
		return stdin
	}
	return io.MultiReader(bytes.NewReader(h.call[h.config:h.filled]), stdin)
}

// start is when the call began, on the clock of now.
func (h *handover) start(now time.Time) time.Time {
	if h.began == 0 {
		return now
	}
	return now.Add(time.UnixMicro(h.began).Sub(now))
}
