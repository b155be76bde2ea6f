// Package storetest has a disk that fails, for tests of what counts on the store.
package storetest

import (
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// child names the test that a child process is for.
const child = "STORETEST_CHILD"

// FailingSync runs body in a process of its own, in which every fsync and fdatasync fails with EIO from the moment that
// body calls cut: who does not notice did not wait for the disk. The kernel does that (seccomp), for nobody else can say
// whether a write was waited for: until the power goes, what is only in memory reads just as well.
//
// The process is this test over again, so what comes before FailingSync runs there too.
func FailingSync(t *testing.T, body func(t *testing.T, cut func())) {
	t.Helper()
	if os.Getenv(child) == t.Name() {
		body(t, func() { cut(t) })
		return
	}
	again := exec.CommandContext(t.Context(), os.Args[0], "-test.v", "-test.run="+only(t.Name()))
	again.Env = append(os.Environ(), child+"="+t.Name())
	out, err := again.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()+" ") {
		t.Errorf("in a process whose disk fails: %v\n%s", err, out)
	}
}

// only is the pattern of a test's name, each part by itself.
func only(name string) string {
	parts := strings.Split(name, "/")
	for i, part := range parts {
		parts[i] = "^" + regexp.QuoteMeta(part) + "$"
	}
	return strings.Join(parts, "/")
}

// cut is for all threads, and for good.
func cut(t *testing.T) {
	t.Helper()
	load := uint16(unix.BPF_LD | unix.BPF_W | unix.BPF_ABS)
	equal := uint16(unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K)
	program := []unix.SockFilter{
		{Code: load}, // the number of the system call
		{Code: equal, Jt: 2, K: unix.SYS_FDATASYNC},
		{Code: equal, Jt: 1, K: unix.SYS_FSYNC},
		{Code: unix.BPF_RET, K: unix.SECCOMP_RET_ALLOW},
		{Code: unix.BPF_RET, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EIO)},
	}
	filter := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		t.Fatalf("give up new privileges: %v", err)
	}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC,
		uintptr(unsafe.Pointer(&filter)))
	if errno != 0 {
		t.Fatalf("let sync fail: %v", errno)
	}
}
