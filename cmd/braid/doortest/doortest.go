// Package doortest tells how a door was built, which nothing but its speed shows.
package doortest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/braid-cni/braid/wire"
)

// Early says whether a door asks the agent before the Go runtime starts: with one thread, and no signal handled.
func Early(t testing.TB, door, command string) bool {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "braid.sock")
	agent, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket})
	if err != nil {
		t.Fatal(err)
	}
	defer agent.Close()
	cmd := exec.Command(door)
	cmd.Env = []string{"CNI_COMMAND=" + command, "CNI_CONTAINERID=c1", "CNI_NETNS=/run/netns/c1", "CNI_IFNAME=eth0", wire.SocketVariable + "=" + socket}
	cmd.Stdin = strings.NewReader("{}")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait() // it is killed
	defer cmd.Process.Kill()
	return asksAlone(t, agent, cmd.Process.Pid)
}

// asksAlone reads what the process is while it waits for the agent's answer.
func asksAlone(t testing.TB, agent *net.UnixListener, pid int) bool {
	t.Helper()
	if err := agent.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	conn, err := agent.Accept()
	if err != nil {
		t.Fatalf("the door asks nobody: %v", err)
	}
	defer conn.Close()
	if _, err := wire.Receive(conn); err != nil {
		t.Fatal(err)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(string(status), "\nThreads:\t1\n") && strings.Contains(string(status), "\nSigCgt:\t0000000000000000\n")
}
