package cluster

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A stage groups the processes that are stopped together.
type stage string

const (
	stageKubelet    stage = "kubelet"
	stageNode       stage = "node" // whatever else runs on a node
	stageController stage = "controller"
	stageAPIServer  stage = "api-server"
	stageEtcd       stage = "etcd"
	stageHolder     stage = "holder" // holds a node's namespaces
)

// stopOrder: each stage still has those it needs while it ends. An API server without etcd lingers half a minute.
func stopOrder() []stage {
	return []stage{stageKubelet, stageNode, stageController, stageAPIServer, stageEtcd, stageHolder}
}

// A process is one that was started, told from a later one of the same number by when it started.
type process struct {
	Name    string
	Stage   stage
	PID     int
	Started uint64 // in clock ticks after boot
}

func newProcess(name string, stage stage, pid int) (process, error) {
	_, started, err := processStat(pid)
	if err != nil {
		return process{}, fmt.Errorf("look at process %s: %w", name, err)
	}
	return process{Name: name, Stage: stage, PID: pid, Started: started}, nil
}

// alive says that the process runs: neither gone, nor dead and not yet reaped, nor another one of its number.
func (p process) alive() bool {
	status, started, err := processStat(p.PID)
	return err == nil && started == p.Started && status != "Z" && status != "X"
}

func (p process) signal(s unix.Signal) error {
	if !p.alive() {
		return nil
	}
	if err := unix.Kill(p.PID, s); err != nil && err != unix.ESRCH {
		return fmt.Errorf("signal %s (%d): %w", p.Name, p.PID, err)
	}
	return nil
}

// stop asks the process to end, waits, and kills it when it has not ended in time.
func (p process) stop(patience time.Duration) error {
	if err := p.signal(unix.SIGTERM); err != nil {
		return err
	}
	if p.ended(patience) {
		return nil
	}
	return p.kill()
}

// kill ends the process at once and waits until it is gone.
func (p process) kill() error {
	if err := p.signal(unix.SIGKILL); err != nil {
		return err
	}
	if !p.ended(10 * time.Second) {
		return fmt.Errorf("kill %s (%d): it is still there after 10 s", p.Name, p.PID)
	}
	return nil
}

func (p process) ended(patience time.Duration) bool {
	for deadline := time.Now().Add(patience); p.alive(); {
		if time.Now().After(deadline) {
			return false
		}
		time.Sleep(10 * time.Millisecond)
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
