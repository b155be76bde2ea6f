package wire

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
)

const callConfig = `{"cniVersion":"1.0.0","name":"braid","type":"braid"}`

// wholeCall has something in every part.
func wholeCall() *Request {
	return &Request{
		Version: Version, Program: "braid-bridge", Command: "ADD", ContainerID: "c1", Netns: "/run/netns/c1", IfName: "eth0",
		Args: "A=b\nC==;", Path: "/opt/cni/bin", Inside: "c0", Began: 1<<62 + 7, Config: []byte(callConfig),
	}
}

// frame is a body with its length.
func frame(body string) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)
}

// callBody is that of a call of program braid with these variables, each ended by a NUL.
func callBody(variables, stdin string) string {
	return "\x02" + strings.Repeat("\x00", 8) + "braid\x00" + variables + "\x00" + stdin
}

func TestCallRoundTrip(t *testing.T) {
	for name, sent := range map[string]*Request{
		"everything": wholeCall(),
		"GC":         {Version: Version, Program: "braid", Command: "GC", Config: []byte("{}")},
		"VERSION":    {Version: Version, Program: "braid", Command: "VERSION", Config: []byte{}},
		"NULs in it": {Version: Version, Program: "braid", Command: "VERSION", Config: []byte("\x00\x00{\x00\x00")},
		"no program": {Version: Version, Command: "STATUS", Config: []byte("{}")},
		"a full one": {Version: Version, Command: "STATUS", Config: []byte(strings.Repeat(" ", MaxConfig-2) + "{}")},
	} {
		t.Run(name, func(t *testing.T) {
			var buf bytes.Buffer
			if err := WriteCall(&buf, sent); err != nil {
				t.Fatal(err)
			}
			in, err := Receive(&buf)
			if err != nil || in.Refused != nil {
				t.Fatalf("%v, %+v", err, in)
			}
			if !reflect.DeepEqual(&in.Request, sent) || buf.Len() != 0 {
				t.Errorf("got %+v with %d bytes left, want %+v", in.Request, buf.Len(), sent)
			}
		})
	}
}

func TestAnswerRoundTrip(t *testing.T) {
	for name, sent := range map[string]Response{
		"nothing":  {Output: []byte{}},
		"a result": {Output: []byte("{\x00\xff}\n")},
		"an error": {Output: []byte("{}"), Failed: true},
		"the most": {Output: bytes.Repeat([]byte{'x'}, MaxFrame-1)},
	} {
		t.Run(name, func(t *testing.T) {
			var buf bytes.Buffer
			if err := (&Incoming{call: true}).Answer(&buf, &sent); err != nil {
				t.Fatal(err)
			}
			got, err := ReadAnswer(&buf)
			if err != nil || got.Version != Version || got.Failed != sent.Failed || !bytes.Equal(got.Output, sent.Output) || buf.Len() != 0 {
				t.Errorf("%v, %+v with %d bytes left", err, got, buf.Len())
			}
		})
	}
}

func TestAnswerThatIsTooLong(t *testing.T) {
	err := (&Incoming{call: true}).Answer(io.Discard, &Response{Output: make([]byte, MaxFrame)})
	if err == nil || !strings.Contains(err.Error(), "over the limit") {
		t.Errorf("got %v", err)
	}
}

func TestReadAnswerRefuses(t *testing.T) {
	for name, in := range map[string][]byte{
		"nothing":              nil,
		"half a head":          {0, 0},
		"half a body":          []byte("\x00\x00\x00\x09\x00{"),
		"a length over it":     binary.BigEndian.AppendUint32(nil, MaxFrame+1),
		"no body":              frame(""),
		"an unknown status":    frame("\x07{}"),
		"that of version 1":    frame(`{"version":1}`),
		"the status in digits": frame("1{}"),
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := ReadAnswer(bytes.NewReader(in)); err == nil {
				t.Errorf("got %+v", got)
			}
		})
	}
}

// A call that was cut has no part that could be taken for the whole, but for stdin, which has no end of its own.
func TestCutCall(t *testing.T) {
	var buf bytes.Buffer
	if err := WriteCall(&buf, wholeCall()); err != nil {
		t.Fatal(err)
	}
	body := buf.String()[HeadSize:]
	for size := range len(body) {
		in, err := Receive(bytes.NewReader(frame(body[:size])))
		switch before := size <= len(body)-len(callConfig)-1; {
		case before && err == nil:
			t.Errorf("%q is received as %+v", body[:size], in)
		case !before && (err != nil || in.Refused == nil || in.Refused.Code != codeDecode):
			t.Errorf("%q: %v, %+v", body[:size], err, in)
		}
	}
}

func TestBrokenRequests(t *testing.T) {
	began := "\x02" + strings.Repeat("\x00", 8)
	for _, tt := range []struct {
		name, body, want string
		is               error
	}{
		{"nothing", "", "decode frame", nil},
		{"a mark alone", "\x02", "decode frame", io.ErrUnexpectedEOF},
		{"no program", began, "decode frame", io.ErrUnexpectedEOF},
		{"a program without an end", began + "braid", "decode frame", io.ErrUnexpectedEOF},
		{"an environment without an end", began + "braid\x00CNI_COMMAND=GC\x00", "decode frame", io.ErrUnexpectedEOF},
		{"another mark", "\x03" + strings.Repeat("\x00", 20), "decode frame", nil},
		{"half of JSON", `{"version":2`, "decode frame", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in, err := Receive(bytes.NewReader(frame(tt.body)))
			if err == nil || !strings.Contains(err.Error(), tt.want) || tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("%v, %+v; want %q (%v)", err, in, tt.want, tt.is)
			}
		})
	}
}

// The variables of a call are what os.Getenv makes of them, and their text is what JSON makes of it.
func TestEnvironmentOfACall(t *testing.T) {
	const status = "CNI_COMMAND=STATUS\x00"
	for _, tt := range []struct{ name, variables, args string }{
		{"none", status, ""},
		{"empty", status + "CNI_ARGS=\x00", ""},
		{"with = and a newline", status + "CNI_ARGS==a\n=b\x00", "=a\n=b"},
		{"twice", status + "CNI_ARGS=a\x00CNI_ARGS=b\x00", "a"},
		{"first empty", status + "CNI_ARGS=\x00CNI_ARGS=b\x00", ""},
		{"the verb twice", status + "CNI_ARGS=a\x00CNI_COMMAND=EAT\x00", "a"},
		{"without =", status + "CNI_ARGS\x00", ""},
		{"first without =", status + "CNI_ARGS\x00CNI_ARGS=b\x00", "b"},
		{"of a longer name", status + "CNI_ARGS2=a\x00X_CNI_ARGS=c\x00", ""},
		{"not UTF-8", status + "CNI_ARGS=a\xff\xfe\xc3b\x00", "a\uFFFD\uFFFD\uFFFDb"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in, err := Receive(bytes.NewReader(frame(callBody(tt.variables, "{}"))))
			if err != nil || in.Refused != nil {
				t.Fatalf("%v, %+v", err, in)
			}
			if in.Command != "STATUS" || in.Args != tt.args || string(in.Config) != "{}" {
				t.Errorf("got %+v, want the arguments %q", in.Request, tt.args)
			}
		})
	}
}

// Who sends JSON and who sends a call are told the same of text that is no UTF-8.
func TestTextIsAsInJSON(t *testing.T) {
	for _, s := range []string{"", "eth0", "\xff", "a\xc3\xa4\xe2\x82b", "\xed\xa0\x80", "\uFFFD\xf0\x9f\x98"} {
		var want string
		if encoded, err := json.Marshal(s); err != nil || json.Unmarshal(encoded, &want) != nil || text([]byte(s)) != want {
			t.Errorf("%q becomes %q, %q in JSON (%v)", s, text([]byte(s)), want, err)
		}
	}
}

func TestRefusedCalls(t *testing.T) {
	const add = "CNI_COMMAND=ADD\x00CNI_CONTAINERID=c1\x00CNI_NETNS=/run/netns/c1\x00CNI_IFNAME=eth0\x00"
	for _, tt := range []struct {
		name, variables, stdin string
		code                   uint
		text                   string
	}{
		{"no verb", "", callConfig, codeEnvironment, `CNI_COMMAND=""`},
		{"unknown verb", "CNI_COMMAND=EAT\x00", callConfig, codeEnvironment, `CNI_COMMAND="EAT"`},
		{"a question", "CNI_COMMAND=" + Inspect + "\x00", callConfig, codeEnvironment, "CNI_COMMAND="},
		{"no container", strings.Replace(add, "c1", "", 1), callConfig, codeEnvironment, "CNI_CONTAINERID"},
		{"no stdin", add, "", codeDecode, "empty"},
		{"no JSON", add, "{", codeDecode, "JSON"},
		{"too much", add, strings.Repeat(" ", MaxConfig-1) + "{}", codeConfig, "larger than"},
		{"bad timeout", add, `{"timeout":"soon"}`, codeConfig, `timeout "soon"`},
		{"no timeout", add, `{"timeout":"0s"}`, codeConfig, `timeout "0s"`},
		{"timeout that is no text", add, `{"timeout":1}`, codeConfig, "timeout"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in, err := Receive(bytes.NewReader(frame(callBody(tt.variables, tt.stdin))))
			if err != nil || in.Refused == nil {
				t.Fatalf("%v, %+v", err, in)
			}
			var buf bytes.Buffer
			if err := in.Answer(&buf, in.Refused.Response()); err != nil {
				t.Fatal(err)
			}
			answer, err := ReadAnswer(&buf)
			if err != nil || !answer.Failed {
				t.Fatalf("%v, %+v", err, answer)
			}
			var e Error
			if err := json.Unmarshal(answer.Output, &e); err != nil || e.Code != tt.code || e.CNIVersion == "" || !strings.Contains(e.Msg+e.Details, tt.text) {
				t.Errorf("%v, %q; want code %d and %q", err, answer.Output, tt.code, tt.text)
			}
		})
	}
}

// braidctl and the doors of version 1 send JSON and are answered in JSON.
func TestRequestInJSON(t *testing.T) {
	v1 := wholeCall()
	v1.Version = 1
	for name, sent := range map[string]*Request{
		"a door of version 1": v1,
		"braidctl":            {Version: Version, Program: "braidctl", Command: Inspect, Config: []byte("{}")},
	} {
		t.Run(name, func(t *testing.T) {
			var buf bytes.Buffer
			if err := Write(&buf, sent); err != nil {
				t.Fatal(err)
			}
			in, err := Receive(&buf)
			if err != nil || in.Refused != nil || !reflect.DeepEqual(&in.Request, sent) {
				t.Fatalf("%v, %+v", err, in)
			}
			want := Response{Version: Version, Output: []byte("out"), Failed: true}
			if err := in.Answer(&buf, &want); err != nil {
				t.Fatal(err)
			}
			var got Response
			if err := Read(&buf, &got); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%v, %+v", err, got)
			}
		})
	}
}
