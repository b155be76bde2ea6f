package syscount

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// sync is the variable with a file that makes the test binary the program that is counted.
const sync = "SYSCOUNT_TEST_SYNC"

func TestMain(m *testing.M) {
	if path := os.Getenv(sync); path != "" {
		syncs(path)
		return
	}
	os.Exit(m.Run())
}

// syncs calls fsync three times, each from another goroutine, says so, and waits for the end of its input.
func syncs(path string) {
	for range 3 {
		done := make(chan struct{})
		go func() {
			defer close(done)
			file, err := os.Create(path)
			if err != nil {
				panic(err)
			}
			defer file.Close()
			if err := file.Sync(); err != nil {
				panic(err)
			}
		}()
		<-done
	}
	os.Stdout.WriteString("done\n")
	_, _ = os.Stdin.Read(make([]byte, 1))
}

// The calls of a program are counted while it runs and after its end, and those of others are not.
func TestCounter(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("counting system calls needs root")
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), sync+"="+filepath.Join(t.TempDir(), "file"))
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c, err := Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	otherSyncs(t)
	if n, err := c.Calls(); n != 3 || err != nil {
		t.Errorf("while it runs: %d calls, %v, want 3", n, err)
	}
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	time.Sleep(10 * time.Millisecond)
	if n, err := c.Calls(); n != 3 || err != nil {
		t.Errorf("after its end: %d calls, %v, want 3", n, err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// otherSyncs is what somebody else does.
func otherSyncs(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "other"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := file.Sync(); err != nil {
		t.Error(err)
	}
}

func TestStartFails(t *testing.T) {
	if _, err := Start(exec.Command("/no/such/program")); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("error %v", err)
	}
}
