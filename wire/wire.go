// Package wire is the frame between the door (the CNI binary) and the agent: a four-byte big-endian length and a body, one
// each way over a unix socket. The body is a call as CallMark describes it, or one JSON value.
package wire

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Version is what this build speaks. An agent answers its own version and the one before.
const Version = 2

// MaxConfig is the largest network configuration that is taken from stdin, in bytes.
const MaxConfig = 1 << 20

// MaxFrame bounds the body of a frame, in bytes: a configuration in base64 and its environment.
const MaxFrame = 2*MaxConfig + MaxEnvironment

// Socket is where the agent listens unless it is told otherwise.
const Socket = "/run/braid/braid.sock"

// ReadyMark is a file whose modification time says when the agent was last ready. The door answers STATUS by it while
// the agent is away.
const ReadyMark = "/run/braid/ready"

// A Request is one CNI call as the door got it: the environment variables, unparsed, and stdin.
type Request struct {
	Version int `json:"version"`
	// Program is the file name under which the door was called; it names the plugin when that is not "braid".
	Program     string `json:"program"`
	Command     string `json:"command"`
	ContainerID string `json:"containerID,omitempty"`
	Netns       string `json:"netns,omitempty"`
	IfName      string `json:"ifName,omitempty"`
	Args        string `json:"args,omitempty"`
	Path        string `json:"path,omitempty"`
	// Inside is the container for which the agent executed the plugin that made this call, empty otherwise.
	Inside string `json:"inside,omitempty"`
	// Began is when the door started, in microseconds since 1970; 0 if it does not say.
	Began  int64  `json:"began,omitempty"`
	Config []byte `json:"config"`
}

// InsideVariable is the environment variable that carries Request.Inside through a third-party plugin.
const InsideVariable = "BRAID_INSIDE"

// SocketVariable is the environment variable that names another socket than Socket: for a second agent on a machine.
const SocketVariable = "BRAID_SOCKET"

// CNIVersions are the versions of the CNI specification that Braid answers, oldest first.
func CNIVersions() []string { return []string{"0.3.1", "0.4.0", "1.0.0", "1.1.0"} }

// A Response is what the door prints and how it exits.
type Response struct {
	Version int `json:"version"`
	// Output goes to stdout as it is: a result, a CNI error, or nothing.
	Output []byte `json:"output,omitempty"`
	// Failed makes the door exit with status 1.
	Failed bool `json:"failed,omitempty"`
}

// An Error is a CNI error as it is printed (CNI spec 1.1, section 5).
type Error struct {
	CNIVersion string `json:"cniVersion"`
	Code       uint   `json:"code"`
	Msg        string `json:"msg"`
	Details    string `json:"details,omitempty"`
}

// Response answers a call that is refused.
func (e *Error) Response() *Response {
	output, _ := json.Marshal(e) // strings and a number can always be written
	return &Response{Version: Version, Output: append(output, '\n'), Failed: true}
}

// Write sends one frame of JSON in one write call.
func Write(w io.Writer, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode frame: %w", err)
	}
	return writeBody(w, body)
}

func writeBody(w io.Writer, body []byte) error {
	if len(body) > MaxFrame {
		return fmt.Errorf("frame of %d bytes is over the limit of %d", len(body), MaxFrame)
	}
	frame := binary.BigEndian.AppendUint32(make([]byte, 0, HeadSize+len(body)), uint32(len(body)))
	if _, err := w.Write(append(frame, body...)); err != nil {
		return fmt.Errorf("send frame: %w", err)
	}
	return nil
}

// Read receives one frame of JSON into v. It never allocates more than the frame limit, and fails with
// io.ErrUnexpectedEOF when the sender stops in the middle.
func Read(r io.Reader, v any) error {
	body, err := readBody(r)
	if err != nil {
		return err
	}
	return decode(body, v)
}

func readBody(r io.Reader) ([]byte, error) {
	var head [HeadSize]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, fmt.Errorf("receive frame: %w", err)
	}
	size := binary.BigEndian.Uint32(head[:])
	if size > MaxFrame {
		return nil, fmt.Errorf("frame of %d bytes is over the limit of %d", size, MaxFrame)
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(r, body); errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("receive frame: %w", io.ErrUnexpectedEOF)
	} else if err != nil {
		return nil, fmt.Errorf("receive frame: %w", err)
	}
	return body, nil
}

func decode(body []byte, v any) error {
	if err := json.Unmarshal(body, v); err != nil {
		return fmt.Errorf("decode frame: %w", err)
	}
	return nil
}
