package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/braid-cni/braid/wire"
)

const validConfig = `{"cniVersion":"1.0.0","name":"braid","type":"braid","timeout":"300ms"}`

// env is the environment of an ADD that is complete but for what the table changes.
func env(socket string, change map[string]string) func(string) string {
	all := map[string]string{
		"CNI_COMMAND": "ADD", "CNI_CONTAINERID": "c1", "CNI_NETNS": "/run/netns/c1", "CNI_IFNAME": "eth0",
		"CNI_PATH": "/opt/cni/bin", wire.SocketVariable: socket,
	}
	for k, v := range change {
		all[k] = v
	}
	return func(name string) string { return all[name] }
}

func knock(env func(string) string, stdin string) (status int, stdout string) {
	var out bytes.Buffer
	d := door{began: time.Now(), program: "braid", getenv: env, stdin: strings.NewReader(stdin), stdout: &out}
	return d.run(), out.String()
}

// serve answers each connection with reply until the test ends.
func serve(t *testing.T, socket string, reply func(*wire.Request) *wire.Response) {
	t.Helper()
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if r, err := wire.Receive(conn); err == nil {
				if answer := reply(&r.Request); answer != nil {
					r.Answer(conn, answer)
				}
			}
			conn.Close()
		}
	}()
}

func wantError(t *testing.T, status int, stdout string, code uint, text string) {
	t.Helper()
	var got wire.Error
	if err := json.Unmarshal([]byte(stdout), &got); err != nil {
		t.Fatalf("stdout is not a CNI error: %q", stdout)
	}
	if status == 0 || got.Code != code || !strings.Contains(got.Msg+got.Details, text) {
		t.Errorf("status %d, %+v; want code %d and %q", status, got, code, text)
	}
	if got.CNIVersion == "" {
		t.Error("no cniVersion in the error")
	}
}

func TestDoorRefusesBadCalls(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "braid.sock")
	for _, tt := range []struct {
		name   string
		change map[string]string
		stdin  string
		code   uint
		text   string
	}{
		{"empty stdin", nil, "", 6, "empty"},
		{"cut stdin", nil, validConfig[:30], 6, "JSON"},
		{"stdin that is a list", nil, "[]", 6, "JSON"},
		{"ten megabytes", nil, strings.Repeat(" ", 10<<20), 7, "larger than"},
		{"unknown command", map[string]string{"CNI_COMMAND": "EAT"}, validConfig, 4, `CNI_COMMAND="EAT"`},
		{"no container", map[string]string{"CNI_CONTAINERID": ""}, validConfig, 4, "CNI_CONTAINERID"},
		{"nothing at all", map[string]string{"CNI_CONTAINERID": "", "CNI_NETNS": "", "CNI_IFNAME": ""}, validConfig,
			4, "CNI_CONTAINERID, CNI_NETNS, CNI_IFNAME"},
		{"bad timeout", nil, `{"timeout":"soon"}`, 7, `timeout "soon"`},
		{"no agent", nil, validConfig, 11, "is braidd running?"},
		{"no agent for STATUS", map[string]string{"CNI_COMMAND": "STATUS"}, validConfig, 50, "not ready"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, stdout := knock(env(socket, tt.change), tt.stdin)
			wantError(t, status, stdout, tt.code, tt.text)
		})
	}
}

func TestDoorPassesTheCallOn(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "braid.sock")
	got := make(chan wire.Request, 1)
	serve(t, socket, func(r *wire.Request) *wire.Response {
		got <- *r
		return &wire.Response{Output: []byte("out"), Failed: r.Netns == ""}
	})
	status, stdout := knock(env(socket, map[string]string{"CNI_ARGS": "A=b", wire.InsideVariable: "c0"}), validConfig)
	if status != 0 || stdout != "out" {
		t.Errorf("status %d, stdout %q", status, stdout)
	}
	r := <-got
	if r.Command != "ADD" || r.ContainerID != "c1" || r.Netns != "/run/netns/c1" || r.IfName != "eth0" ||
		r.Args != "A=b" || r.Path != "/opt/cni/bin" || r.Inside != "c0" || string(r.Config) != validConfig {
		t.Errorf("the agent got %+v", r)
	}
	status, _ = knock(env(socket, map[string]string{"CNI_COMMAND": "DEL", "CNI_NETNS": ""}), validConfig)
	if status != 1 {
		t.Errorf("a failed answer gave status %d", status)
	}
}

func TestDoorWaitsForAnAgentThatStarts(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "braid.sock")
	time.AfterFunc(120*time.Millisecond, func() {
		serve(t, socket, func(*wire.Request) *wire.Response { return &wire.Response{Output: []byte("late")} })
	})
	if status, stdout := knock(env(socket, nil), strings.Replace(validConfig, "300ms", "5s", 1)); status != 0 || stdout != "late" {
		t.Errorf("status %d, stdout %q", status, stdout)
	}
}

// refusing leaves the socket of an agent that was killed: the file is there, and nobody listens.
func refusing(t *testing.T) (socket string) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "braid.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
	if _, err := net.Dial("unix", socket); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Fatalf("connect to the socket of a dead agent: %v", err)
	}
	return socket
}

func TestDoorWaitsForTheSuccessorOfADeadAgent(t *testing.T) {
	for _, command := range []string{"ADD", "DEL"} {
		t.Run(command, func(t *testing.T) {
			socket := refusing(t)
			time.AfterFunc(120*time.Millisecond, func() {
				os.Remove(socket) // as the agent does when it starts
				serve(t, socket, func(*wire.Request) *wire.Response { return &wire.Response{Output: []byte("late")} })
			})
			asked := env(socket, map[string]string{"CNI_COMMAND": command})
			if status, stdout := knock(asked, strings.Replace(validConfig, "300ms", "5s", 1)); status != 0 || stdout != "late" {
				t.Errorf("status %d, stdout %q", status, stdout)
			}
		})
	}
}

// A dead agent without a successor holds the runtime for the configuration's timeout, and not for longer.
func TestDoorGivesUpOnADeadAgent(t *testing.T) {
	const patience = 300 * time.Millisecond
	for _, command := range []string{"ADD", "DEL", "CHECK", "GC"} {
		t.Run(command, func(t *testing.T) {
			asked := env(refusing(t), map[string]string{"CNI_COMMAND": command})
			start := time.Now()
			status, stdout := knock(asked, validConfig)
			took := time.Since(start)
			wantError(t, status, stdout, 11, "is braidd running?")
			wantError(t, status, stdout, 11, "connection refused")
			if took < patience-2*redial || took > patience+time.Second {
				t.Errorf("took %v, want %v", took, patience)
			}
		})
	}
}

// An agent that dies with the call in its hands: ADD must not run twice, DEL may.
func TestDoorRepeatsOnlyWhatIsHarmless(t *testing.T) {
	for _, tt := range []struct {
		command string
		calls   int
		status  int
	}{{"ADD", 1, 1}, {"DEL", 2, 0}, {"CHECK", 2, 0}} {
		t.Run(tt.command, func(t *testing.T) {
			socket := filepath.Join(t.TempDir(), "braid.sock")
			var calls atomic.Int32
			serve(t, socket, func(*wire.Request) *wire.Response {
				if calls.Add(1) == 1 {
					return nil
				}
				return &wire.Response{}
			})
			status, stdout := knock(env(socket, map[string]string{"CNI_COMMAND": tt.command}), strings.Replace(validConfig, "300ms", "5s", 1))
			if int(calls.Load()) != tt.calls || status != tt.status {
				t.Errorf("%d calls, status %d (%s)", calls.Load(), status, stdout)
			}
		})
	}
}

func TestStatusRestsOnAYoungReadyMark(t *testing.T) {
	dir := t.TempDir()
	mark := filepath.Join(dir, filepath.Base(wire.ReadyMark))
	if err := os.WriteFile(mark, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	asked := env(filepath.Join(dir, "braid.sock"), map[string]string{"CNI_COMMAND": "STATUS"})
	if status, stdout := knock(asked, validConfig); status != 0 || stdout != "" {
		t.Errorf("young mark: status %d, %q", status, stdout)
	}
	old := time.Now().Add(-2 * readyFor)
	if err := os.Chtimes(mark, old, old); err != nil {
		t.Fatal(err)
	}
	status, stdout := knock(asked, validConfig)
	wantError(t, status, stdout, 50, "not ready")
}

// containerd waits for STATUS without a deadline of its own: an agent that hangs must not hold it.
func TestStatusAnswersWithinASecondOfAHangingAgent(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "braid.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	start := time.Now()
	status, stdout := knock(env(socket, map[string]string{"CNI_COMMAND": "STATUS"}), validConfig)
	wantError(t, status, stdout, 50, "not ready")
	if took := time.Since(start); took > 2*statusTimeout {
		t.Errorf("STATUS took %v", took)
	}
}

func TestVersion(t *testing.T) {
	for _, tt := range []struct{ stdin, want string }{
		{"", "1.1.0"}, {`{"cniVersion":"0.4.0"}`, "0.4.0"}, {"{", "1.1.0"},
	} {
		status, stdout := knock(func(name string) string {
			return map[string]string{"CNI_COMMAND": "VERSION"}[name]
		}, tt.stdin)
		want := `{"cniVersion":"` + tt.want + `","supportedVersions":["0.3.1","0.4.0","1.0.0","1.1.0"]}` + "\n"
		if status != 0 || stdout != want {
			t.Errorf("stdin %q: status %d, %q", tt.stdin, status, stdout)
		}
	}
}
