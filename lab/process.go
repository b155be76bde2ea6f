package lab

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// killedWithin is how long the end of a killed process may take.
const killedWithin = 10 * time.Second

// A process is one that was started, told from a later one of the same number by when it started.
type process struct {
	PID int
	// Started is in clock ticks after boot.
	Started uint64
}

func newProcess(pid int) (process, error) {
	_, started, err := processStat(pid)
	if err != nil {
		return process{}, fmt.Errorf("look at process %d: %w", pid, err)
	}
	return process{PID: pid, Started: started}, nil
}

// alive says that the process runs: neither gone, nor dead and not yet reaped, nor another one of its number.
func (p process) alive() bool {
	if p.PID == 0 {
		return false
	}
	status, started, err := processStat(p.PID)
	return err == nil && started == p.Started && status != "Z" && status != "X"
}

// stop asks the process to end, and kills it when it has not ended in time.
func (p process) stop(patience time.Duration) error {
	for _, try := range []struct {
		signal   unix.Signal
		patience time.Duration
	}{{unix.SIGTERM, patience}, {unix.SIGKILL, killedWithin}} {
		if !p.alive() {
			return nil
		}
		if err := unix.Kill(p.PID, try.signal); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("stop process %d: %w", p.PID, err)
		}
		if p.ended(try.patience) {
			return nil
		}
	}
	return fmt.Errorf("process %d is still there %v after it was killed", p.PID, killedWithin)
}

func (p process) ended(patience time.Duration) bool {
	for deadline := time.Now().Add(patience); p.alive(); {
		if time.Now().After(deadline) {
			return false
		}
		time.Sleep(5 * time.Millisecond)
	}
	return true
}

// processStat reads status letter and start time from /proc.
func processStat(pid int) (status string, started uint64, err error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", 0, err
	}
	// The name, in parentheses, may hold spaces and parentheses: fields count from its end.
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	const statusField, startField = 0, 19
	if len(fields) <= startField {
		return "", 0, fmt.Errorf("read /proc/%d/stat: %d fields", pid, len(fields))
	}
	started, err = strconv.ParseUint(fields[startField], 10, 64)
	return fields[statusField], started, err
}
