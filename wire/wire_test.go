package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
)

func TestFrameRoundTrip(t *testing.T) {
	want := Request{Version: Version, Program: "braid", Command: "ADD", ContainerID: "c1", Config: []byte("{\x00}")}
	var buf bytes.Buffer
	if err := Write(&buf, want); err != nil {
		t.Fatal(err)
	}
	var got Request
	if err := Read(&buf, &got); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) || buf.Len() != 0 {
		t.Errorf("got %+v with %d bytes left, want %+v", got, buf.Len(), want)
	}
}

func TestReadRefuses(t *testing.T) {
	var whole bytes.Buffer
	if err := Write(&whole, Response{Version: Version, Output: []byte("x")}); err != nil {
		t.Fatal(err)
	}
	huge := binary.BigEndian.AppendUint32(nil, 1<<31)
	for _, tt := range []struct {
		name string
		in   []byte
		want string
		is   error
	}{
		{"nothing", nil, "receive frame", io.EOF},
		{"half a head", whole.Bytes()[:2], "receive frame", io.ErrUnexpectedEOF},
		{"a head alone", whole.Bytes()[:4], "receive frame", io.ErrUnexpectedEOF},
		{"half a body", whole.Bytes()[:9], "receive frame", io.ErrUnexpectedEOF},
		{"a length over the limit", huge, "over the limit", nil},
		{"not JSON", []byte("\x00\x00\x00\x01{"), "decode frame", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var r Response
			err := Read(bytes.NewReader(tt.in), &r)
			if err == nil || !strings.Contains(err.Error(), tt.want) || tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("got %v, want %q (%v)", err, tt.want, tt.is)
			}
		})
	}
}

func TestWriteRefusesWhatReadWould(t *testing.T) {
	err := Write(io.Discard, Request{Config: make([]byte, MaxFrame)})
	if err == nil || !strings.Contains(err.Error(), "over the limit") {
		t.Errorf("got %v", err)
	}
}

// The largest configuration must fit into a frame with the rest of a request.
func TestLargestConfigFits(t *testing.T) {
	if err := Write(io.Discard, Request{Config: make([]byte, MaxConfig), Args: strings.Repeat("a", 4096)}); err != nil {
		t.Error(err)
	}
}
