package vm

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestMain makes the test binary process 1 of the guests it starts.
func TestMain(m *testing.M) {
	if Inside() {
		Guest()
	}
	os.Exit(m.Run())
}

// shell runs a script in a guest.
func shell(t *testing.T, limit time.Duration, script string) (out string, code int, err error) {
	t.Helper()
	needKernel(t)
	var buf bytes.Buffer
	p := Program{Path: "/bin/sh", Args: []string{"-c", script}, Env: []string{"PATH=" + systemPath},
		Dir: t.TempDir(), Timeout: limit}
	code, err = Run(context.Background(), p, &buf)
	return buf.String(), code, err
}

func needKernel(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath(kernel); err != nil {
		t.Skipf("%s is missing: install the package user-mode-linux", kernel)
	}
	if os.Getuid() != 0 {
		t.Skip("the guest reads the machine's files as root: run as root")
	}
}

func TestExitStatusAndOutputComeThroughWhole(t *testing.T) {
	out, code, err := shell(t, time.Minute, `printf 'a\tb\r\n\033[0m\n\377\n'; echo err >&2; exit 7`)
	if err != nil {
		t.Fatal(err)
	}
	if want := "a\tb\r\n\033[0m\n\377\nerr\n"; out != want {
		t.Errorf("output is %q, want %q", out, want)
	}
	if code != 7 {
		t.Errorf("exit status is %d, want 7", code)
	}
}

func TestLongOutputIsNotCut(t *testing.T) {
	out, _, err := shell(t, time.Minute, `i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done`)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	for i, line := range lines {
		if line != "line "+strconv.Itoa(i) {
			t.Fatalf("line %d is %q", i, line)
		}
	}
	if len(lines) != 20000 {
		t.Errorf("%d lines came, want 20000", len(lines))
	}
}

func TestMachineFilesStayAsTheyAre(t *testing.T) {
	dir := t.TempDir()
	kept, made := filepath.Join(dir, "kept"), filepath.Join(dir, "made")
	if err := os.WriteFile(kept, []byte("machine\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	out, code, err := shell(t, time.Minute, `set -e; cat `+kept+`; echo guest >`+kept+`; echo guest >`+made+`; cat `+kept+` `+made)
	if err != nil || code != 0 {
		t.Fatalf("exit %d, %v: %s", code, err, out)
	}
	if want := "machine\nguest\nguest\n"; out != want {
		t.Errorf("the guest saw %q, want %q", out, want)
	}
	if data, err := os.ReadFile(kept); err != nil || string(data) != "machine\n" {
		t.Errorf("the machine's file is now %q, %v", data, err)
	}
	if _, err := os.Stat(made); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the guest's file reached the machine: %v", err)
	}
}

func TestHungGuestIsKilledAndReported(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	_, _, err := shell(t, 8*time.Second, `echo started; sleep 600`)
	if err == nil || !strings.Contains(err.Error(), "no result within 8s") {
		t.Errorf("a hung guest gave %v", err)
	}
	if left := processesNaming(t, dir); len(left) > 0 {
		t.Errorf("processes left behind: %v", left)
	}
}

func TestDeadKernelIsReported(t *testing.T) {
	_, _, err := shell(t, time.Minute, `echo o >/proc/sysrq-trigger; sleep 600`)
	if !errors.Is(err, errNoResult) {
		t.Errorf("a kernel that powered off gave %v", err)
	}
}

func TestPanicIsReportedWithTheKernelsWords(t *testing.T) {
	_, _, err := shell(t, time.Minute, `echo c >/proc/sysrq-trigger; sleep 600`)
	if !errors.Is(err, errNoResult) || !strings.Contains(err.Error(), "panic") {
		t.Errorf("a kernel panic gave %v", err)
	}
}

func TestProgramKilledBySignalIsReported(t *testing.T) {
	_, _, err := shell(t, time.Minute, `kill -KILL $$`)
	if err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("a killed program gave %v", err)
	}
}

func TestCutSerialLineIsNoResult(t *testing.T) {
	for _, line := range []string{"", `{"Output":"aGk="}`, `{"Output":"aG`} {
		if _, err := readFrames(strings.NewReader(line), io.Discard); !errors.Is(err, errNoResult) {
			t.Errorf("%q gave %v, want %v", line, err, errNoResult)
		}
	}
}

// processesNaming lists the processes whose command line holds text.
func processesNaming(t *testing.T, text string) (found []string) {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err == nil && strings.Contains(string(data), text) {
			found = append(found, file)
		}
	}
	return found
}
