package isolated

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A job is what the process inside does.
type job struct {
	// Left is a file that a process of the job keeps locked for an hour; empty for one that only looks around.
	Left string
}

func TestMain(m *testing.M) {
	var j job
	if inside, err := Inside(&j); inside {
		fmt.Println(j.run(), err)
		return
	}
	os.Exit(m.Run())
}

// run says where it is.
func (j job) run() string {
	links, err := net.Interfaces()
	if err != nil || len(links) != 1 {
		return fmt.Sprint(links, err)
	}
	if j.Left != "" {
		err := exec.Command("flock", j.Left, "sleep", "3600").Start()
		for start := time.Now(); err == nil && time.Since(start) < 10*time.Second && free(j.Left); {
			time.Sleep(5 * time.Millisecond)
		}
		_ = unix.Kill(os.Getpid(), unix.SIGKILL)
		os.Exit(3) // the first process of a namespace cannot kill itself
	}
	self, err := os.Readlink("/proc/self")
	return fmt.Sprint(links[0].Name, " ", self, " ", os.Getpid(), " ", err)
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("network namespaces need root")
	}
}

// A process inside is the first of its namespace, with a /proc to match, and a network with the loopback only.
func TestAgain(t *testing.T) {
	needRoot(t)
	var out bytes.Buffer
	err := Again(t.Context(), job{}, &out, &out)
	if got, want := out.String(), "lo 1 1 <nil> <nil>\n"; got != want || err != nil {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
}

// However a process inside ends, what it started ends with it.
func TestNothingIsLeft(t *testing.T) {
	needRoot(t)
	file := t.TempDir() + "/lock"
	var out bytes.Buffer
	err := Again(context.Background(), job{Left: file}, &out, &out)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 3 || out.Len() != 0 {
		t.Fatalf("it ended with %v: %s", err, out.String())
	}
	for start := time.Now(); !free(file); time.Sleep(5 * time.Millisecond) {
		if time.Since(start) > 10*time.Second {
			t.Fatal("a process is left that holds the lock")
		}
	}
}

// free says whether nobody holds the lock of a file.
func free(path string) bool {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return false
	}
	defer file.Close()
	return unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil
}

func TestInsideNeedsAJob(t *testing.T) {
	var j job
	if inside, err := Inside(&j); inside || err != nil {
		t.Errorf("%t, %v", inside, err)
	}
	t.Setenv(jobVariable, "{")
	if _, err := Inside(&j); err == nil || !strings.Contains(err.Error(), "read the job") {
		t.Errorf("error %v", err)
	}
}
