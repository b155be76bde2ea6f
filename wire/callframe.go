package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// A call and its answer are frames whose bodies can be made without encoding anything, which the door does before there is a
// runtime that could. Numbers are big-endian. The body of a call is
//
//	CallMark           1 byte, by which it is told from JSON
//	Request.Began      8 bytes
//	Request.Program    ended by a NUL
//	NAME=value         variables of the environment, each ended by a NUL, in any order; of two with one name the first counts
//	a NUL
//	stdin              the rest
//
// and that of its answer is 0, or 1 for Response.Failed, and then what goes to stdout.
const CallMark = 2

// HeadSize is the size in bytes of a frame's length.
const HeadSize = 4

// MaxEnvironment is the room for the variables of a call in its frame, in bytes.
const MaxEnvironment = 1 << 16

// WriteCall sends a call in one write.
func WriteCall(w io.Writer, r *Request) error {
	body := binary.BigEndian.AppendUint64([]byte{CallMark}, uint64(r.Began))
	body = append(append(body, r.Program...), 0)
	for _, v := range r.variables() {
		if *v.value != "" {
			body = append(append(append(append(body, v.name...), '='), *v.value...), 0)
		}
	}
	return writeBody(w, append(append(body, 0), r.Config...))
}

// A variable is one of the environment, and where it goes.
type variable struct {
	name  string
	value *string
}

// variables are all that a call has.
func (r *Request) variables() []variable {
	return []variable{
		{"CNI_COMMAND", &r.Command}, {"CNI_CONTAINERID", &r.ContainerID}, {"CNI_NETNS", &r.Netns}, {"CNI_IFNAME", &r.IfName},
		{"CNI_ARGS", &r.Args}, {"CNI_PATH", &r.Path}, {InsideVariable, &r.Inside},
	}
}

// ReadAnswer receives the answer to a call.
func ReadAnswer(r io.Reader) (*Response, error) {
	body, err := readBody(r)
	if err != nil {
		return nil, err
	}
	if len(body) == 0 || body[0] > 1 {
		return nil, errors.New("decode frame: it is no answer to a call")
	}
	return &Response{Version: Version, Failed: body[0] == 1, Output: body[1:]}, nil
}

// An Incoming is a request as it came, which says how it is answered.
type Incoming struct {
	// Request is empty for a call that is refused.
	Request
	// Refused answers a call that lacks what its verb needs; nil for all others.
	Refused *Error

	call bool
}

// Receive reads a request: a call of a door, or one in JSON, as braidctl and the doors of version 1 send it.
func Receive(r io.Reader) (*Incoming, error) {
	body, err := readBody(r)
	if err != nil {
		return nil, err
	}
	if len(body) > 0 && body[0] == CallMark {
		return receiveCall(body[1:])
	}
	in := new(Incoming)
	if err := decode(body, &in.Request); err != nil {
		return nil, err
	}
	return in, nil
}

func receiveCall(body []byte) (*Incoming, error) {
	const began = 8
	head, stdin, whole := bytes.Cut(body[min(began, len(body)):], []byte{0, 0})
	if !whole {
		return nil, fmt.Errorf("decode frame: %w", io.ErrUnexpectedEOF)
	}
	program, environment, _ := bytes.Cut(head, []byte{0})
	getenv := func(name string) string { return lookUp(environment, name) }
	r, refused := ReadCall(text(program), getenv, bytes.NewReader(stdin))
	if refused != nil {
		return &Incoming{Refused: refused, call: true}, nil
	}
	r.Began = int64(binary.BigEndian.Uint64(body))
	return &Incoming{Request: *r, call: true}, nil
}

// lookUp is os.Getenv of the variables of a call.
func lookUp(environment []byte, name string) string {
	for entry := range bytes.SplitSeq(environment, []byte{0}) {
		if value, found := bytes.CutPrefix(entry, []byte(name+"=")); found {
			return text(value)
		}
	}
	return ""
}

// text is what becomes of bytes that are sent in JSON: each that is not UTF-8 is replaced.
func text(b []byte) string { return string([]rune(string(b))) }

// Answer sends the answer, in the shape of the request.
func (in *Incoming) Answer(w io.Writer, answer *Response) error {
	if !in.call {
		return Write(w, answer)
	}
	body := []byte{0}
	if answer.Failed {
		body[0] = 1
	}
	return writeBody(w, append(body, answer.Output...))
}
