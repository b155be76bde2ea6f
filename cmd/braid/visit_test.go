package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/braid-cni/braid/wire"
)

// A visit is how a runtime executes the door.
type visit struct {
	// program is the file name that it is executed by, braid if empty.
	program string
	// called is the name that it is told it was called by, if not that.
	called string
	// dir is where it is executed, if not here.
	dir   string
	env   []string
	stdin string
	// pieces is how many pieces stdin comes in, with pauses.
	pieces int
	// stdout is a file to write to instead.
	stdout string
	// unread says that nobody has the other end of stdout.
	unread bool
	// full says that stdout fails rather than to block when it is full.
	full bool
	// closed is an open file that the door is started without, -1 for none.
	closed int
	// within is what the door is started by, in a namespace of its own mounts.
	within []string
	// during is done while the door is at work.
	during func(pid int)
}

// An outcome is what came of a visit.
type outcome struct {
	status int
	stdout string
	heard  []wire.Request
}

// asked is a visit with everything that an ADD needs, and more variables, before it.
func asked(socket string, more ...string) visit {
	rest := []string{
		"CNI_COMMAND=ADD", "CNI_CONTAINERID=c1", "CNI_NETNS=/run/netns/c1", "CNI_IFNAME=eth0", "CNI_PATH=/opt/cni/bin",
		wire.SocketVariable + "=" + socket, "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
	}
	return visit{env: append(more, rest...), stdin: validConfig, closed: -1}
}

// by has a build of the door visited, and returns how it exited and what it printed.
func (v visit) by(t testing.TB, b build) (status int, stdout string) {
	t.Helper()
	in, feed := pipe(t)
	printed, out := pipe(t)
	defer printed.Close()
	if v.unread {
		printed.Close()
	}
	if v.stdout != "" {
		out.Close()
		out = open(t, v.stdout)
	}
	pid := v.start(t, b, in, out)
	out.Close()
	go v.feed(feed)
	got := make(chan string, 1)
	go func() { got <- drain(printed) }()
	if v.during != nil {
		v.during(pid)
	}
	return wait(t, pid), <-got
}

func pipe(t testing.TB) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	return r, w
}

func open(t testing.TB, path string) *os.File {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// start is not os/exec, which leaves out variables that are there twice.
func (v visit) start(t testing.TB, b build, in, out *os.File) (pid int) {
	t.Helper()
	path := b.path
	if v.program != "" {
		path = filepath.Join(filepath.Dir(b.path), v.program)
		if err := os.Symlink("braid", path); err != nil && !os.IsExist(err) {
			t.Fatal(err)
		}
	}
	files := []uintptr{in.Fd(), out.Fd(), os.Stderr.Fd()}
	if err := syscall.SetNonblock(int(files[stdout]), v.full); err != nil {
		t.Fatal(err)
	}
	if v.closed >= 0 {
		files[v.closed] = ^uintptr(0)
	}
	args := append(slices.Clone(v.within), path)
	file := args[0]
	if v.called != "" {
		args[0] = strings.TrimPrefix(v.called, "-")
	}
	pid, err := syscall.ForkExec(file, args, &syscall.ProcAttr{Env: v.env, Files: files, Dir: v.dir})
	if err != nil {
		t.Fatal(err)
	}
	in.Close()
	return pid
}

// feed stops where the door stops reading.
func (v visit) feed(w *os.File) {
	defer w.Close()
	for piece := range slices.Chunk([]byte(v.stdin), max(1, len(v.stdin)/max(1, v.pieces))) {
		if _, err := w.Write(piece); err != nil {
			return
		}
		if v.pieces > 0 {
			time.Sleep(10 * time.Millisecond)
		}
	}
}

func drain(r io.Reader) string {
	all, _ := io.ReadAll(r) // a test would miss the rest
	return string(all)
}

// wait returns the exit status, or what ended the process less than 0. A door that hangs is killed.
func wait(t testing.TB, pid int) int {
	t.Helper()
	kill := time.AfterFunc(20*time.Second, func() { syscall.Kill(pid, syscall.SIGKILL) })
	defer kill.Stop()
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(pid, &status, 0, nil); err != nil {
		t.Fatal(err)
	}
	if status.Signaled() {
		return -int(status.Signal())
	}
	return status.ExitStatus()
}

// An agent answers doors as a script says, and remembers what it heard.
type agent struct {
	socket string
	// answer is what becomes of the n-th call from 0. Then nothing more may come from the door.
	answer func(n int, conn net.Conn, in *wire.Incoming)
	// deaf is how many connections are closed before anything is read.
	deaf atomic.Int32

	mu      sync.Mutex
	heard   []wire.Request
	more    string
	talking sync.WaitGroup
}

// listening is an agent at a socket until the test ends.
func listening(t testing.TB, socket string, answer func(n int, conn net.Conn, in *wire.Incoming)) *agent {
	t.Helper()
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	a := &agent{socket: socket, answer: answer}
	go a.serve(l)
	return a
}

func (a *agent) serve(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		if a.deaf.Add(-1) >= 0 {
			conn.Close()
			continue
		}
		a.talking.Go(func() { a.converse(conn) })
	}
}

func (a *agent) converse(conn net.Conn) {
	defer conn.Close()
	in, err := wire.Receive(conn)
	if err != nil {
		return
	}
	if in.Refused != nil {
		in.Answer(conn, in.Refused.Response())
		return
	}
	a.mu.Lock()
	n := len(a.heard)
	a.heard = append(a.heard, in.Request)
	a.mu.Unlock()
	a.answer(n, conn, in)
	more := drain(conn)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.more += more
}

// take returns what was heard since it was called, without when the doors began, which must be since then.
func (a *agent) take(t testing.TB, since time.Time) (heard []wire.Request) {
	t.Helper()
	a.talking.Wait()
	a.mu.Lock()
	defer a.mu.Unlock()
	heard, a.heard = a.heard, nil
	if a.more != "" {
		t.Errorf("after the call the door says %.300q", a.more)
	}
	for i := range heard {
		if began := time.UnixMicro(heard[i].Began); began.Before(since.Truncate(time.Microsecond)) || began.After(time.Now()) {
			t.Errorf("the door says that it began at %v, it was started after %v", began, since)
		}
		heard[i].Began = 0
	}
	return heard
}

// echoes says in its answer what it was asked.
func echoes(_ int, conn net.Conn, in *wire.Incoming) {
	in.Answer(conn, &wire.Response{Output: []byte("an answer to " + in.Command), Failed: in.Command == "CHECK"})
}

// both has both builds visited, which must come to the same, and returns what.
func (a *agent) both(t testing.TB, v visit) outcome {
	t.Helper()
	var outcomes []outcome
	for _, b := range doors(t) {
		began := time.Now()
		status, stdout := v.by(t, b)
		outcomes = append(outcomes, outcome{status, stdout, a.take(t, began)})
	}
	if !reflect.DeepEqual(outcomes[0], outcomes[1]) {
		t.Errorf("early %s\nplain %s", show(outcomes[0]), show(outcomes[1]))
	}
	return outcomes[0]
}

func show(o outcome) string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "exits with %d, printed %.300q", o.status, o.stdout)
	for _, r := range o.heard {
		fmt.Fprintf(&b, "\n  the agent heard %.500s", strings.ReplaceAll(fmt.Sprintf("%+v", r), "\n", " "))
	}
	return b.String()
}
