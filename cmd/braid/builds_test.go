package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/braid-cni/braid/wire"
)

// The two builds of the door differ in nothing that a runtime or an agent could see but the time that they take.

func TestBuildsOnEveryCall(t *testing.T) {
	padded := func(size int) string { return `{"a":"` + strings.Repeat("a", size-8) + `"}` }
	args := func(value string) []string { return []string{"CNI_ARGS=" + value} }
	a := listening(t, filepath.Join(t.TempDir(), "braid.sock"), echoes)
	for _, tt := range []struct {
		name    string
		env     []string
		program string
		stdin   string
		pieces  int
		// without is a variable that is not set.
		without string
		status  int
		printed string
		// heard is how many calls the agent carries out.
		heard int
	}{
		{name: "ADD", printed: "an answer to ADD", heard: 1},
		{name: "DEL", env: []string{"CNI_COMMAND=DEL"}, printed: "an answer to DEL", heard: 1},
		{name: "CHECK", env: []string{"CNI_COMMAND=CHECK"}, printed: "an answer to CHECK", heard: 1, status: 1},
		{name: "GC", env: []string{"CNI_COMMAND=GC"}, printed: "an answer to GC", heard: 1},
		{name: "STATUS", env: []string{"CNI_COMMAND=STATUS"}, printed: "an answer to STATUS", heard: 1},
		{name: "VERSION", env: []string{"CNI_COMMAND=VERSION"}, printed: "supportedVersions"},
		{name: "VERSION without stdin", env: []string{"CNI_COMMAND=VERSION"}, stdin: "-", printed: "supportedVersions"},
		{name: "an unknown verb", env: []string{"CNI_COMMAND=EAT"}, status: 1, printed: `"code":4`},
		{name: "a verb that begins like another", env: []string{"CNI_COMMAND=ADDS"}, status: 1, printed: `"code":4`},
		{name: "a verb that another begins with", env: []string{"CNI_COMMAND=AD"}, status: 1, printed: `"code":4`},
		{name: "a verb in small letters", env: []string{"CNI_COMMAND=add"}, status: 1, printed: `"code":4`},
		{name: "a question of braidctl", env: []string{"CNI_COMMAND=" + wire.Inspect}, status: 1, printed: `"code":4`},
		{name: "an empty verb", env: []string{"CNI_COMMAND="}, status: 1, printed: `"code":4`},
		{name: "no verb", without: "CNI_COMMAND", status: 1, printed: `"code":4`},
		{name: "no container", without: "CNI_CONTAINERID", status: 1, printed: "CNI_CONTAINERID"},
		{name: "an empty interface", env: []string{"CNI_IFNAME="}, status: 1, printed: "CNI_IFNAME"},
		{name: "no netns for DEL", env: []string{"CNI_COMMAND=DEL"}, without: "CNI_NETNS", printed: "an answer", heard: 1},
		{name: "a container inside", env: []string{wire.InsideVariable + "=c0"}, printed: "an answer", heard: 1},
		{name: "arguments with a newline and =", env: args("A=b\nC==d;=e\n"), printed: "an answer", heard: 1},
		{name: "empty arguments", env: args(""), printed: "an answer", heard: 1},
		{name: "arguments that are no UTF-8", env: args("a\xff\xfe\xe2\x82b"), printed: "an answer", heard: 1},
		{name: "long arguments", env: args(strings.Repeat("a", 100_000)), printed: "an answer", heard: 1},
		{name: "an environment that is full", env: args(strings.Repeat("a", wire.MaxEnvironment)), stdin: padded(wire.MaxConfig), printed: "an answer", heard: 1},
		{name: "many variables", env: numbered("CNI_MORE_", 9_000), printed: "an answer", heard: 1},
		{name: "variables of others", env: []string{"CNI", "CNI_", "CNI_=", "CNI_ARGS_=a", "XCNI_ARGS=b", "=", "=C=d", "", wire.InsideVariable, "BRAID_INSIDE_=c"}, printed: "an answer", heard: 1},
		{name: "arguments twice", env: []string{"CNI_ARGS=a", "CNI_ARGS=b"}, printed: "an answer", heard: 1},
		{name: "arguments twice, first empty", env: []string{"CNI_ARGS=", "CNI_ARGS=b"}, printed: "an answer", heard: 1},
		{name: "arguments twice, first without =", env: []string{"CNI_ARGS", "CNI_ARGS=b"}, printed: "an answer", heard: 1},
		{name: "the verb twice, first another", env: []string{"CNI_COMMAND=VERSION"}, printed: "supportedVersions"},
		{name: "the verb twice, first without =", env: []string{"CNI_COMMAND"}, printed: "an answer to ADD", heard: 1},
		{name: "the socket twice, first another", env: []string{wire.SocketVariable + "=/nowhere"}, stdin: `{"timeout":"300ms"}`, status: 1, printed: "connect /nowhere: no such file"},
		{name: "the socket twice, first without =", env: []string{wire.SocketVariable}, printed: "an answer", heard: 1},
		{name: "another program", program: "braid-bridge", printed: "an answer", heard: 1},
		{name: "a program that is no UTF-8", program: "braid-\xff", printed: "an answer", heard: 1},
		{name: "a program with a long name", program: strings.Repeat("b", 255), printed: "an answer", heard: 1},
		{name: "no stdin", stdin: "-", status: 1, printed: `"code":6`},
		{name: "a byte", stdin: "{", status: 1, printed: `"code":6`},
		{name: "a list", stdin: "[]", status: 1, printed: `"code":6`},
		{name: "NULs", stdin: "\x00\x00{}", status: 1, printed: `"code":6`},
		{name: "a bad timeout", stdin: `{"timeout":"soon","cniVersion":"0.4.0"}`, status: 1, printed: `timeout \"soon\"`},
		{name: "the largest configuration", stdin: padded(wire.MaxConfig), printed: "an answer", heard: 1},
		{name: "one that is larger", stdin: padded(wire.MaxConfig + 1), status: 1, printed: "larger than"},
		{name: "one that is much larger", stdin: padded(10 * wire.MaxConfig), status: 1, printed: "larger than"},
		{name: "one in pieces", pieces: 10, printed: "an answer", heard: 1},
		{name: "a large one in pieces", stdin: padded(wire.MaxConfig), pieces: 10, printed: "an answer", heard: 1},
		{name: "a larger one in pieces", stdin: padded(wire.MaxConfig + 1), pieces: 10, status: 1, printed: "larger than"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := asked(a.socket, tt.env...)
			v.program, v.pieces = tt.program, tt.pieces
			if tt.stdin != "" {
				v.stdin = strings.TrimPrefix(tt.stdin, "-")
			}
			v.env = slices.DeleteFunc(v.env, func(s string) bool { return tt.without != "" && strings.HasPrefix(s, tt.without+"=") })
			got := a.both(t, v)
			if got.status != tt.status || !strings.Contains(got.stdout, tt.printed) || len(got.heard) != tt.heard {
				t.Errorf("%s\nwant status %d, %q and %d calls heard", show(got), tt.status, tt.printed, tt.heard)
			}
		})
	}
}

func numbered(prefix string, n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprintf("%s%d=%d", prefix, i, i))
	}
	return names
}

// What is heard is what was said, not just the same from both.
func TestBuildsSayWhatTheyWereTold(t *testing.T) {
	a := listening(t, filepath.Join(t.TempDir(), "braid.sock"), echoes)
	v := asked(a.socket, "CNI_ARGS=A=b\n", wire.InsideVariable+"=c0")
	v.program = "braid-bridge"
	got := a.both(t, v).heard
	want := wire.Request{
		Version: wire.Version, Program: "braid-bridge", Command: "ADD", ContainerID: "c1", Netns: "/run/netns/c1", IfName: "eth0",
		Args: "A=b\n", Path: "/opt/cni/bin", Inside: "c0", Config: []byte(validConfig),
	}
	if len(got) != 1 || fmt.Sprint(got[0]) != fmt.Sprint(want) {
		t.Errorf("the agent heard %+v, want %+v", got, want)
	}
}

func TestBuildsFindTheSocket(t *testing.T) {
	dir := t.TempDir()
	a := listening(t, filepath.Join(dir, "braid.sock"), echoes)
	long := func(size int) string {
		path := filepath.Join(dir, strings.Repeat("s", size-len(dir)-1))
		if err := os.Symlink(a.socket, path); err != nil {
			t.Fatal(err)
		}
		return path
	}
	abstract := listening(t, fmt.Sprintf("@braid-door-test-%d", os.Getpid()), echoes)
	for _, tt := range []struct {
		name, socket, printed string
		agent                 *agent
		heard                 int
	}{
		{"as long as an address has room for", long(107), "an answer to ADD", a, 1},
		{"longer", long(108), "invalid argument", a, 0},
		{"much longer", "/" + strings.Repeat("s", 5000), "invalid argument", a, 0},
		{"a folder", dir, "connection refused", a, 0},
		{"not there", filepath.Join(dir, "nothing"), "no such file", a, 0},
		{"abstract", abstract.socket, "an answer to ADD", abstract, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := asked(tt.socket)
			v.stdin = `{"timeout":"300ms"}`
			if got := tt.agent.both(t, v); !strings.Contains(got.stdout, tt.printed) || len(got.heard) != tt.heard {
				t.Errorf("%s\nwant %q and %d calls heard", show(got), tt.printed, tt.heard)
			}
		})
	}
}

func TestBuildsHaveTheirName(t *testing.T) {
	a := listening(t, filepath.Join(t.TempDir(), "braid.sock"), echoes)
	for called, want := range map[string]string{
		"braid": "braid", "/opt/cni/bin/braid-bridge": "braid-bridge", "./a/b": "b", "braid/": "braid", "a//": "a", "/": "/", "-": ".", ".": ".",
	} {
		v := asked(a.socket)
		v.called = called
		if got := a.both(t, v); len(got.heard) != 1 || got.heard[0].Program != want {
			t.Errorf("called %q %s\nwant %q", called, show(got), want)
		}
	}
}

// A name that stands for an abstract socket is no file of that name.
func TestBuildsTakeNoFileForAnAbstractSocket(t *testing.T) {
	dir := t.TempDir()
	name := fmt.Sprintf("@braid-door-test-%d", os.Getpid())
	a := listening(t, filepath.Join(dir, name), echoes)
	v := asked(name)
	v.dir, v.stdin = dir, `{"timeout":"300ms"}`
	got := a.both(t, v)
	wantError(t, got.status, got.stdout, 11, "connection refused")
}

// Without a name in the environment, or with an empty one, the agent is where it is on every node.
func TestBuildsFindTheUsualSocket(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, for a /run of its own")
	}
	a := listening(t, filepath.Join(t.TempDir(), "braid.sock"), echoes)
	own := fmt.Sprintf("mount -t tmpfs braid-door-test /run && mkdir %s && ln -s %s %s && exec \"$0\"", filepath.Dir(wire.Socket), a.socket, wire.Socket)
	for name, more := range map[string][]string{"not set": nil, "empty": {""}} {
		t.Run(name, func(t *testing.T) {
			v := asked("")
			v.env = slices.DeleteFunc(v.env, func(s string) bool { return strings.HasPrefix(s, wire.SocketVariable) })
			for _, value := range more {
				v.env = append(v.env, wire.SocketVariable+"="+value)
			}
			v.within = []string{"/usr/bin/unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", own}
			if got := a.both(t, v); len(got.heard) != 1 || got.stdout != "an answer to ADD" {
				t.Error(show(got))
			}
		})
	}
}

func TestBuildsWithOtherFiles(t *testing.T) {
	a := listening(t, filepath.Join(t.TempDir(), "braid.sock"), echoes)
	for _, tt := range []struct {
		name    string
		change  func(v *visit)
		status  int
		printed string
		heard   int
	}{
		{"no stdin", func(v *visit) { v.closed = stdin }, 1, `"code":6`, 0},
		// The Go runtime puts /dev/null there.
		{"no stdout", func(v *visit) { v.closed = stdout }, 0, "", 1},
		{"no stderr", func(v *visit) { v.closed = stderr }, 0, "an answer to ADD", 1},
		{"a full stdout", func(v *visit) { v.stdout = "/dev/full" }, 1, "", 1},
		{"a stdout that nobody has open", func(v *visit) { v.unread = true }, -int(syscall.SIGPIPE), "", 1},
		{"a stdout that nobody reads", func(v *visit) { v.stdout = "/dev/null" }, 0, "", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := asked(a.socket)
			tt.change(&v)
			if got := a.both(t, v); got.status != tt.status || !strings.Contains(got.stdout, tt.printed) || len(got.heard) != tt.heard {
				t.Errorf("%s\nwant status %d, %q and %d calls heard", show(got), tt.status, tt.printed, tt.heard)
			}
		})
	}
}

// A stdout that does not block, as a runtime may share one, is full before the answer is out.
func TestBuildsWaitForAFullStdout(t *testing.T) {
	a := listening(t, filepath.Join(t.TempDir(), "braid.sock"), func(_ int, conn net.Conn, in *wire.Incoming) {
		in.Answer(conn, &wire.Response{Output: make([]byte, 2<<20)})
	})
	v := asked(a.socket)
	v.full = true
	if got := a.both(t, v); got.status != 0 || len(got.stdout) != 2<<20 {
		t.Errorf("status %d, %d bytes", got.status, len(got.stdout))
	}
}

// head is that of a frame of this size.
func head(size uint32) []byte { return binary.BigEndian.AppendUint32(nil, size) }

// An agent that takes a call and gives no answer: ADD is not asked again, DEL is.
func TestBuildsOnBadAnswers(t *testing.T) {
	for name, bad := range map[string][]byte{
		"nothing":                     nil,
		"half a head":                 head(3)[:2],
		"a head alone":                head(3),
		"half an answer":              append(head(30), "\x00{}"...),
		"an empty frame":              head(0),
		"a frame over the limit":      append(head(wire.MaxFrame+1), bytes.Repeat([]byte("\x00"), 99)...),
		"a frame far over it":         append(head(1<<32-1), "\x00{}"...),
		"a status that is none":       append(head(3), "\x07{}"...),
		"an answer as of version 1":   append(head(24), `{"version":1,"output":""}`[:24]...),
		"an answer that was cut late": append(head(wire.MaxFrame), make([]byte, wire.MaxFrame-1)...),
	} {
		a := listening(t, filepath.Join(t.TempDir(), "braid.sock"), func(n int, conn net.Conn, in *wire.Incoming) {
			if n > 0 {
				echoes(n, conn, in)
				return
			}
			conn.Write(bad) // the door may have seen enough
			conn.Close()
		})
		t.Run(name+" to ADD", func(t *testing.T) {
			v := asked(a.socket)
			for _, b := range doors(t) {
				status, stdout := v.by(t, b)
				if heard := a.take(t, time.Time{}); len(heard) != 1 {
					t.Errorf("%s: the agent was asked %d times", b.name, len(heard))
				}
				wantError(t, status, stdout, 11, errBrokenOff.Error())
			}
		})
		t.Run(name+" to DEL", func(t *testing.T) {
			got := a.both(t, asked(a.socket, "CNI_COMMAND=DEL"))
			if got.status != 0 || got.stdout != "an answer to DEL" || len(got.heard) != 2 {
				t.Error(show(got))
			}
		})
	}
}

// A door whose call nobody takes any more ends with an answer, and not with a signal.
func TestBuildsOnAnAgentThatHangsUp(t *testing.T) {
	a := listening(t, filepath.Join(t.TempDir(), "braid.sock"), echoes)
	for command, printed := range map[string]string{"ADD": errBrokenOff.Error(), "DEL": "an answer to DEL"} {
		v := asked(a.socket, "CNI_COMMAND="+command)
		v.stdin = `{"a":"` + strings.Repeat("a", 1<<19) + `"}`
		for _, b := range doors(t) {
			a.deaf.Store(1)
			status, stdout := v.by(t, b)
			if heard := a.take(t, time.Time{}); status < 0 || !strings.Contains(stdout, printed) || (len(heard) == 1) != (command == "DEL") {
				t.Errorf("%s to %s: status %d, %q, %d calls", command, b.name, status, stdout, len(heard))
			}
		}
	}
}

func TestBuildsOnGoodAnswers(t *testing.T) {
	large := strings.Repeat("{}\n\x00", 1<<19)
	for name, tt := range map[string]struct {
		answer  []byte
		status  int
		printed string
	}{
		"nothing to print":      {append(head(1), 0), 0, ""},
		"failed without a word": {append(head(1), 1), 1, ""},
		"a large one":           {append(head(uint32(1+len(large))), "\x00"+large...), 0, large},
		"the largest":           {append(head(wire.MaxFrame), make([]byte, wire.MaxFrame)...), 0, strings.Repeat("\x00", wire.MaxFrame-1)},
		"more than a frame":     {append(head(3), "\x00{}and more"...), 0, "{}"},
	} {
		t.Run(name, func(t *testing.T) {
			a := listening(t, filepath.Join(t.TempDir(), "braid.sock"), func(_ int, conn net.Conn, _ *wire.Incoming) {
				conn.Write(tt.answer) // the door may have seen enough
			})
			if got := a.both(t, asked(a.socket)); got.status != tt.status || got.stdout != tt.printed {
				t.Error(show(got))
			}
		})
	}
}

// An answer may come in pieces of any size.
func TestBuildsOnAnAnswerInPieces(t *testing.T) {
	a := listening(t, filepath.Join(t.TempDir(), "braid.sock"), func(_ int, conn net.Conn, _ *wire.Incoming) {
		for _, b := range append(head(8), "\x01in full"...) {
			conn.Write([]byte{b})
			time.Sleep(2 * time.Millisecond)
		}
	})
	if got := a.both(t, asked(a.socket)); got.status != 1 || got.stdout != "in full" {
		t.Error(show(got))
	}
}

func TestBuildsWaitForAnAgent(t *testing.T) {
	for _, command := range []string{"ADD", "DEL"} {
		t.Run(command, func(t *testing.T) {
			for _, b := range doors(t) {
				var a *agent
				socket := filepath.Join(t.TempDir(), "braid.sock")
				v := asked(socket, "CNI_COMMAND="+command)
				v.stdin = `{"timeout":"10s"}`
				v.during = func(int) { time.Sleep(100 * time.Millisecond); a = listening(t, socket, echoes) }
				began := time.Now()
				status, stdout := v.by(t, b)
				if heard := a.take(t, began); status != 0 || stdout != "an answer to "+command || len(heard) != 1 || string(heard[0].Config) != v.stdin {
					t.Errorf("%s: status %d, %q, heard %+v", b.name, status, stdout, heard)
				}
			}
		})
	}
}

func TestBuildsGiveUpOnADeadAgent(t *testing.T) {
	a := &agent{socket: refusing(t)}
	v := asked(a.socket)
	v.stdin = `{"cniVersion":"0.4.0","timeout":"200ms"}`
	start := time.Now()
	got := a.both(t, v)
	wantError(t, got.status, got.stdout, 11, "connection refused")
	if took := time.Since(start); took > 2*(200*time.Millisecond+time.Second) {
		t.Errorf("took %v", took)
	}
}

// An agent that is alive and does not get round to accept calls holds the runtime for no longer than one that is dead.
func TestBuildsGiveUpOnABusyAgent(t *testing.T) {
	a := &agent{socket: filepath.Join(t.TempDir(), "braid.sock")}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: a.socket}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	first, err := net.Dial("unix", a.socket)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	v := asked(a.socket)
	v.stdin = `{"timeout":"200ms"}`
	start := time.Now()
	got := a.both(t, v)
	wantError(t, got.status, got.stdout, 11, "timeout")
	if took := time.Since(start); took > 2*(200*time.Millisecond+500*time.Millisecond) {
		t.Errorf("took %v", took)
	}
}

// A door that is stopped while it waits, as a debugger or a freezer does, has its answer when it goes on.
func TestBuildsAreStoppedAndGoOn(t *testing.T) {
	asking, goOn := make(chan bool), make(chan bool)
	a := listening(t, filepath.Join(t.TempDir(), "braid.sock"), func(n int, conn net.Conn, in *wire.Incoming) {
		asking <- true
		<-goOn
		echoes(n, conn, in)
	})
	v := asked(a.socket)
	v.during = func(pid int) {
		<-asking
		for range 3 {
			time.Sleep(5 * time.Millisecond) // for it to wait
			signal(t, pid, syscall.SIGSTOP)
			if _, err := syscall.Wait4(pid, nil, syscall.WUNTRACED, nil); err != nil {
				t.Error(err)
			}
			signal(t, pid, syscall.SIGCONT)
		}
		time.Sleep(5 * time.Millisecond)
		goOn <- true
	}
	if got := a.both(t, v); got.status != 0 || got.stdout != "an answer to ADD" || len(got.heard) != 1 {
		t.Error(show(got))
	}
}

func signal(t *testing.T, pid int, s syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(pid, s); err != nil {
		t.Error(err)
	}
}

// A call that broke off is not begun again when its time was over by then.
func TestBrokenCallIsNotBegunLate(t *testing.T) {
	for _, tt := range []struct {
		command string
		began   time.Duration
		calls   int
	}{{"ADD", 0, 0}, {"DEL", 0, 1}, {"DEL", time.Second, 0}} {
		a := listening(t, filepath.Join(t.TempDir(), "braid.sock"), echoes)
		var out bytes.Buffer
		d := door{
			began: time.Now().Add(-tt.began), program: "braid", getenv: env(a.socket, map[string]string{"CNI_COMMAND": tt.command}),
			stdin: strings.NewReader(validConfig), stdout: &out, broken: true,
		}
		status := d.run()
		if heard := a.take(t, time.Time{}); len(heard) != tt.calls {
			t.Errorf("%s after %v: %d calls", tt.command, tt.began, len(heard))
		}
		if tt.calls == 0 {
			wantError(t, status, out.String(), 11, errBrokenOff.Error())
		}
	}
}

// main's clock is the monotonic one, whenever early began.
func TestStart(t *testing.T) {
	now := time.Now()
	if got := new(handover).start(now); !got.Equal(now) {
		t.Errorf("%v, want %v", got, now)
	}
	early := &handover{began: now.Add(-time.Minute).UnixMicro()}
	if got := early.start(now); got.UnixMicro() != early.began || now.Sub(got).Round(time.Millisecond) != time.Minute {
		t.Errorf("%v before %v", now.Sub(got), now)
	}
}

// FuzzBuilds: whatever environment, program and stdin, the builds say the same to the agent and to the runtime.
func FuzzBuilds(f *testing.F) {
	for _, s := range []struct{ env, program, stdin string }{
		{"CNI_COMMAND=ADD\x00CNI_CONTAINERID=c1\x00CNI_NETNS=/n\x00CNI_IFNAME=eth0", "braid", validConfig},
		{"CNI_COMMAND=DEL\x00CNI_COMMAND=ADD\x00CNI_CONTAINERID=c1\x00CNI_IFNAME=eth0\x00CNI_ARGS=\x00CNI_ARGS=\xff", "braid-bridge", "{}"},
		{"CNI_COMMAND\x00CNI_COMMAND=GC\x00=\x00\x00BRAID_INSIDE=c0\x00CNI_X=y", "\xff", `{"cni.dev/valid-attachments":[]}`},
		{"CNI_COMMAND=VERSION", "a b", `{"cniVersion":"0.4.0"}`},
		{"CNI_COMMAND=STATUS", "=", "{"},
	} {
		f.Add(s.env, s.program, s.stdin)
	}
	a := listening(f, filepath.Join(f.TempDir(), "braid.sock"), echoes)
	f.Fuzz(func(t *testing.T, env, program, stdin string) {
		if len(env) > 1<<16 || len(program) > 255 || strings.ContainsAny(program, "/\x00") || program == "." || program == ".." || program == "" {
			return // no runtime executes that
		}
		v := visit{program: program, stdin: stdin, closed: -1}
		for variable := range strings.SplitSeq(env, "\x00") {
			if !strings.HasPrefix(variable, wire.SocketVariable) {
				v.env = append(v.env, variable)
			}
		}
		v.env = append(v.env, wire.SocketVariable+"="+a.socket)
		got := a.both(t, v)
		if got.status != 0 && len(got.heard) == 0 && !json.Valid([]byte(got.stdout)) {
			t.Error(show(got))
		}
	})
}
