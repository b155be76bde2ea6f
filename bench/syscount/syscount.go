// Package syscount counts how often a program waits for a disk, in the kernel and not by what the program says: the calls
// of fsync and fdatasync of its process, of all its threads and of all that it starts.
package syscount

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ErrNotCounted is that the kernel cannot count.
var ErrNotCounted = errors.New("calls of fsync are not counted")

// A Counter counts the calls of one program.
type Counter struct {
	events  []*os.File
	missing error
}

// Start starts a command and counts from its first instruction on. Where the kernel cannot count (it needs root, and
// tracepoints of system calls), the command is started all the same, and Calls says why not.
func Start(cmd *exec.Cmd) (*Counter, error) {
	c := new(Counter)
	points, err := onThread(tracepoints)
	c.missing = err
	// What the thread starts is counted, and what the threads of that start. It ends here, or all would be that it starts
	// later.
	_, err = onThread(func() (_ struct{}, err error) {
		if c.missing == nil {
			c.events, c.missing = open(points)
		}
		return struct{}{}, cmd.Start()
	})
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// onThread runs f on a thread of its own, which ends with it: it is never unlocked.
func onThread[T any](f func() (T, error)) (result T, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		result, err = f()
	}()
	<-done
	return result, err
}

// tracepoints are the numbers of the calls' tracepoints, read from a tracefs that this thread alone sees: on many machines
// none is mounted.
func tracepoints() (points []uint64, err error) {
	const at = "/sys/kernel/tracing"
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return nil, fmt.Errorf("make a mount namespace: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return nil, fmt.Errorf("make the mounts private: %w", err)
	}
	if err := unix.Mount("tracefs", at, "tracefs", 0, ""); err != nil && !errors.Is(err, unix.EBUSY) {
		return nil, fmt.Errorf("mount tracefs: %w", err)
	}
	for _, call := range []string{"fsync", "fdatasync"} {
		data, err := os.ReadFile(filepath.Join(at, "events", "syscalls", "sys_enter_"+call, "id"))
		if err != nil {
			return nil, fmt.Errorf("find the tracepoint of %s: %w", call, err)
		}
		id, err := strconv.ParseUint(strings.TrimSpace(string(data)), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("read the tracepoint of %s: %w", call, err)
		}
		points = append(points, id)
	}
	return points, nil
}

// open makes counters of this thread and of what it starts from now on.
func open(points []uint64) (events []*os.File, err error) {
	for _, id := range points {
		attr := &unix.PerfEventAttr{Type: unix.PERF_TYPE_TRACEPOINT, Config: id, Size: uint32(unsafe.Sizeof(unix.PerfEventAttr{})), Bits: unix.PerfBitInherit}
		fd, err := unix.PerfEventOpen(attr, 0, -1, -1, unix.PERF_FLAG_FD_CLOEXEC)
		if err != nil {
			return events, fmt.Errorf("count a system call: %w", err)
		}
		events = append(events, os.NewFile(uintptr(fd), "counter"))
	}
	return events, nil
}

// Calls is how many there were so far. Calls of processes that have ended count too. Its error wraps ErrNotCounted where the
// kernel cannot count.
func (c *Counter) Calls() (int, error) {
	if c.missing != nil {
		return 0, fmt.Errorf("%w: %w", ErrNotCounted, c.missing)
	}
	sum := 0
	for _, event := range c.events {
		var value [8]byte
		if _, err := event.Read(value[:]); err != nil {
			return 0, fmt.Errorf("read a number of calls: %w", err)
		}
		sum += int(binary.NativeEndian.Uint64(value[:]))
	}
	return sum, nil
}

// Close ends the counting.
func (c *Counter) Close() error {
	var errs []error
	for _, event := range c.events {
		errs = append(errs, event.Close())
	}
	return errors.Join(errs...)
}
