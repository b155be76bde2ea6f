package main

import (
	"bytes"
	"encoding/json"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/braid-cni/braid/wire"
)

// FuzzDoor: whatever a runtime says, the door prints one answer: the agent's, to a call that reached it as it was, or
// a CNI error of its own with status 1.
func FuzzDoor(f *testing.F) {
	f.Add("ADD", "c1", "eth0", validConfig)
	f.Add("DEL", "c1", "eth0", `{"timeout":"1ns"}`)
	f.Add("STATUS", "", "", `{"timeout":1}`)
	f.Add("VERSION", "", "", `{"cniVersion":"0.4.0"}`)
	f.Add("GC", "", "", `{"cniVersion":"1.1.0","timeout":"9999999h"}`)
	f.Add("EAT", "\x1b[31m", "", "[]")
	socket := filepath.Join(f.TempDir(), "braid.sock")
	heard := echo(f, socket)
	f.Fuzz(func(t *testing.T, command, container, ifname, stdin string) {
		if strings.Contains(command+container+ifname, "\x00") {
			return // no environment has that
		}
		status, stdout := knock(env(socket, map[string]string{
			"CNI_COMMAND": command, "CNI_CONTAINERID": container, "CNI_IFNAME": ifname,
		}), stdin)
		select {
		case r := <-heard:
			if status != 0 || stdout != "heard" || r.Command != command || string(r.Config) != stdin {
				t.Errorf("status %d, %q, the agent heard %+v", status, stdout, r)
			}
		default:
			checkOwnAnswer(t, command, status, stdout)
		}
	})
}

// echo answers every call, and passes on what it heard before it does.
func echo(f *testing.F, socket string) <-chan *wire.Request {
	f.Helper()
	l, err := net.Listen("unix", socket)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { l.Close() })
	heard := make(chan *wire.Request, 1)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if r, err := wire.Receive(conn); err == nil {
				heard <- &r.Request
				r.Answer(conn, &wire.Response{Output: []byte("heard")})
			}
			conn.Close()
		}
	}()
	return heard
}

func checkOwnAnswer(t *testing.T, command string, status int, stdout string) {
	t.Helper()
	answers := json.NewDecoder(bytes.NewBufferString(stdout))
	answers.DisallowUnknownFields()
	if command == "VERSION" {
		var v wire.Versions
		if err := answers.Decode(&v); err != nil || status != 0 || v.CNIVersion == "" || answers.More() {
			t.Errorf("status %d, %q, %v", status, stdout, err)
		}
		return
	}
	var e wire.Error
	if err := answers.Decode(&e); err != nil || status == 0 || e.Code == 0 || e.CNIVersion == "" || e.Msg == "" || answers.More() {
		t.Errorf("status %d, %q, %v", status, stdout, err)
	}
}
