package hostlocal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/braid-cni/braid/ipam"
)

// The environment of a child process that runs one verb and kills itself at a step.
const (
	crashVerb = "HOSTLOCAL_CRASH_VERB"
	crashRoot = "HOSTLOCAL_CRASH_ROOT"
	crashStep = "HOSTLOCAL_CRASH_STEP"
)

func TestMain(m *testing.M) {
	if verb := os.Getenv(crashVerb); verb != "" {
		if err := crash(verb, os.Getenv(crashRoot), os.Getenv(crashStep)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// crashConf is what crashing processes work on.
func crashConf() []byte {
	return netConf(`,"ranges":[[{"subnet":"10.1.2.0/28"}],[{"subnet":"fd00::/64"}]]`, "")
}

// crash runs a verb for container c1 and dies at a step, counted from one.
func crash(verb, root, step string) error {
	left, err := strconv.Atoi(step)
	if err != nil {
		return err
	}
	d := New(Options{Root: root, Hook: func(string) {
		if left--; left == 0 {
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}})
	r := &ipam.Request{ContainerID: "c1", IfName: "eth0", Config: crashConf()}
	switch verb {
	case "ADD":
		_, err = d.Add(context.Background(), r)
	case "DEL":
		err = d.Del(context.Background(), r)
	case "GC":
		err = d.GC(context.Background(), &ipam.GCRequest{Config: r.Config})
	}
	return err
}

// TestCrash kills each verb at each of its steps. After that no lease is without an owner, others get addresses of
// their own, and DEL leaves nothing.
func TestCrash(t *testing.T) {
	for _, verb := range []string{"ADD", "DEL", "GC"} {
		t.Run(verb, func(t *testing.T) {
			t.Parallel()
			step := 1
			for ; crashOnce(t, verb, step); step++ {
			}
			if min := map[string]int{"ADD": 9, "DEL": 5, "GC": 5}[verb]; step < min {
				t.Errorf("died at %d steps, want at least %d", step-1, min-1)
			}
		})
	}
}

// crashOnce runs a verb in a child that dies at a step, and says whether it got there.
func crashOnce(t *testing.T, verb string, step int) (died bool) {
	t.Helper()
	w := newWorld(t)
	if verb != "ADD" {
		if _, err := w.add(t.Context(), "c1", crashConf(), ""); err != nil {
			t.Fatal(err)
		}
	}
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), crashVerb+"="+verb, crashRoot+"="+w.options.Root, crashStep+"="+strconv.Itoa(step))
	out, err := child.CombinedOutput()
	var exit *exec.ExitError
	if died = errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL; !died && err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, file := range w.files(t) {
		name, content, _ := strings.Cut(file, "=")
		if strings.ContainsAny(name, ":") || strings.HasPrefix(name, "10.") {
			if content != "c1/eth0" {
				t.Errorf("%s at step %d left the lease %q", verb, step, file)
			}
		}
	}
	if _, err := w.add(t.Context(), "c2", crashConf(), ""); err != nil {
		t.Errorf("%s at step %d: the next ADD: %v", verb, step, err)
	}
	w.del(t, "c1", crashConf())
	w.del(t, "c2", crashConf())
	left := slices.DeleteFunc(w.files(t), func(f string) bool { return strings.HasPrefix(f, lastPrefix) })
	if len(left) != 0 {
		t.Errorf("%s at step %d left %q", verb, step, left)
	}
	return died
}
