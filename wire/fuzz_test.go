package wire

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

// FuzzRead: a frame of any size with any body, cut where it may be. Read takes no byte beyond the frame and no memory
// beyond what the limit allows, says rightly why it fails, and what it read is the same after another trip.
func FuzzRead(f *testing.F) {
	request, _ := json.Marshal(Request{Version: Version, Program: "braid", Command: "ADD", ContainerID: "c1", Config: []byte(`{"type":"braid"}`)})
	response, _ := json.Marshal(Response{Version: Version, Output: []byte(`{"code":7}`), Failed: true})
	for _, body := range [][]byte{request, response, []byte(`{"config":"not base64"}`), []byte(`{"VERSION":1,"version":2}`), []byte(`null`), nil} {
		f.Add(uint32(len(body)), body)
	}
	f.Add(uint32(MaxFrame+1), request)
	f.Add(uint32(1<<31), request)
	f.Add(uint32(9), request)
	f.Fuzz(func(t *testing.T, size uint32, body []byte) {
		checkRead(t, size, body, new(Request), new(Request))
		checkRead(t, size, body, new(Response), new(Response))
	})
}

func checkRead(t *testing.T, size uint32, body []byte, into, again any) {
	t.Helper()
	sent := append(binary.BigEndian.AppendUint32(nil, size), body...)
	from := bytes.NewReader(sent)
	before := allocated()
	err := Read(from, into)
	// A body, and what encoding/json makes of it: strings and bytes that are no longer than it, a few times over.
	if used, limit := allocated()-before, uint64(min(size, MaxFrame)+16*uint32(len(body))+1<<20); used > limit {
		t.Errorf("a frame of %d bytes took %d bytes of memory", len(sent), used)
	}
	if taken := len(sent) - from.Len(); taken > 4+int(min(size, MaxFrame)) || size > MaxFrame && taken > 4 {
		t.Errorf("%d bytes were taken for a frame of %d", taken, size)
	}
	wantReason(t, err, size, body)
	if err == nil {
		checkTrip(t, into, again)
	}
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// wantReason: too large, cut off, or not JSON of the right shape; in that order.
func wantReason(t *testing.T, err error, size uint32, body []byte) {
	t.Helper()
	switch {
	case size > MaxFrame:
		if err == nil || !strings.Contains(err.Error(), "over the limit") {
			t.Errorf("size %d: %v", size, err)
		}
	case int(size) > len(body):
		if !errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
			t.Errorf("a body that is cut off: %v", err)
		}
	case !json.Valid(body[:size]):
		if err == nil || !strings.Contains(err.Error(), "decode frame") {
			t.Errorf("a body that is no JSON: %v", err)
		}
	}
}

func checkTrip(t *testing.T, sent, got any) {
	t.Helper()
	var buf bytes.Buffer
	if err := Write(&buf, sent); err != nil {
		if !strings.Contains(err.Error(), "over the limit") { // escapes make it longer than it came
			t.Errorf("send what was read: %v", err)
		}
		return
	}
	if err := Read(&buf, got); err != nil {
		t.Fatalf("read what was sent: %v", err)
	}
	before, _ := json.Marshal(sent)
	if after, _ := json.Marshal(got); !bytes.Equal(after, before) || buf.Len() != 0 {
		t.Errorf("%s became %s, with %d bytes left", before, after, buf.Len())
	}
}

// FuzzReceive: a request of any body. Receive takes no memory beyond what the limit allows, and what it received is the same
// after another trip, in the shape that it came in.
func FuzzReceive(f *testing.F) {
	var call, question bytes.Buffer
	if err := errors.Join(WriteCall(&call, wholeCall()), Write(&question, Request{Version: Version, Program: "braidctl", Command: Inspect})); err != nil {
		f.Fatal(err)
	}
	for _, body := range []string{
		call.String()[HeadSize:], question.String()[HeadSize:], callBody("", callConfig), callBody("CNI_COMMAND=VERSION\x00", ""),
		callBody("CNI_COMMAND=STATUS\x00CNI_ARGS\x00CNI_ARGS=\xff\xfe\x00CNI_ARGS=b\x00", "{}"), "\x02", "\x03", "", callBody(strings.Repeat("=\x00", 99), "{}"),
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		sent := frame(string(body))
		before := allocated()
		in, err := Receive(bytes.NewReader(sent))
		if used, limit := allocated()-before, uint64(16*len(body)+1<<20); used > limit {
			t.Errorf("a body of %d bytes took %d bytes of memory", len(body), used)
		}
		switch {
		case err != nil:
			if in != nil || !strings.Contains(err.Error(), "decode frame") && len(body) <= MaxFrame {
				t.Errorf("%v beside %+v", err, in)
			}
		case in.Refused != nil:
			if in.Refused.CNIVersion == "" || in.Refused.Code == 0 || in.Refused.Msg == "" || !reflect.DeepEqual(in.Request, Request{}) {
				t.Errorf("%+v", in)
			}
		case in.call:
			checkCall(t, in)
		default:
			checkTrip(t, &in.Request, new(Request))
		}
	})
}

func checkCall(t *testing.T, in *Incoming) {
	t.Helper()
	var buf bytes.Buffer
	if err := WriteCall(&buf, &in.Request); err != nil {
		t.Fatalf("send what was received: %v", err)
	}
	again, err := Receive(&buf)
	if err != nil || !reflect.DeepEqual(again, in) || buf.Len() != 0 {
		t.Errorf("%+v became %+v (%v), with %d bytes left", in, again, err, buf.Len())
	}
}

// FuzzReadCall: a call is refused with a complete CNI error, or it is what the runtime said, byte for byte.
func FuzzReadCall(f *testing.F) {
	const whole = `{"cniVersion":"1.0.0","name":"braid","type":"braid","clusterNetwork":{"type":"bridge"}}`
	f.Add("ADD", "c1", "/run/netns/c1", "eth0", "K8S_POD_NAME=web", []byte(whole))
	f.Add("DEL", "c1", "", "eth0", "", []byte(`{}`))
	f.Add("VERSION", "", "", "", "", []byte(`{"cniVersion":"0.4.0"`))
	f.Add("GC", "", "", "", "", []byte(`{"cni.dev/valid-attachments":[]}`))
	f.Add("STATUS", "", "", "", "", []byte(`[]`))
	f.Add("EAT", "", "", "", "", []byte("\xef\xbb\xbf{}"))
	f.Add("CHECK", "", "", "", "", []byte(`{"cniVersion":7}`))
	f.Fuzz(func(t *testing.T, command, container, netns, ifname, args string, stdin []byte) {
		env := map[string]string{
			"CNI_COMMAND": command, "CNI_CONTAINERID": container, "CNI_NETNS": netns, "CNI_IFNAME": ifname, "CNI_ARGS": args,
		}
		r, refused := ReadCall("braid", func(name string) string { return env[name] }, bytes.NewReader(stdin))
		if refused != nil {
			if r != nil || refused.CNIVersion == "" || refused.Code == 0 || refused.Code > 7 || refused.Msg == "" {
				t.Errorf("%+v beside %+v", refused, r)
			}
			return
		}
		want := &Request{
			Version: Version, Program: "braid", Command: command, ContainerID: container, Netns: netns, IfName: ifname, Args: args, Config: r.Config,
		}
		if !reflect.DeepEqual(r, want) || !bytes.Equal(r.Config, stdin) {
			t.Errorf("%+v, want %+v", r, want)
		}
		if command != "VERSION" && !json.Valid(stdin) {
			t.Errorf("%q passes for JSON", stdin)
		}
		if v := r.Versions(); v.CNIVersion == "" || len(v.SupportedVersions) == 0 {
			t.Errorf("no version in %+v", v)
		}
	})
}
