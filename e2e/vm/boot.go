package vm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
)

const (
	kernel = "linux.uml"
	memory = "mem=1G" // only what the guest touches is taken from the machine
	// Descriptor 3 of the kernel's process is the write end of the serial line.
	serial = "ssl0=null,fd:3"
)

// Run boots a guest, runs p in it, copies its output to out as it comes and
// returns its exit status. An error means that the status is not known; it
// carries the end of the kernel's log.
func Run(ctx context.Context, p Program, out io.Writer) (int, error) {
	dir, err := os.MkdirTemp("", "braid-vm-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	plan, err := writePlan(dir, p)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, p.Timeout, fmt.Errorf("no result within %s", p.Timeout))
	defer cancel()
	var log bytes.Buffer
	res, err := boot(ctx, dir, plan, out, &log)
	if ctx.Err() != nil {
		err = errors.Join(err, context.Cause(ctx))
	}
	switch {
	case err != nil:
		return 0, fmt.Errorf("run %s in %s: %w; the kernel's last words:\n%s", p.Path, kernel, err, tail(log.String(), 40))
	case res.Err != "":
		return 0, fmt.Errorf("run %s in %s: %s", p.Path, kernel, res.Err)
	}
	return res.Exit, nil
}

// boot starts the kernel and reads its serial line to the end. It returns only
// once the kernel is gone.
func boot(ctx context.Context, dir, plan string, out io.Writer, log *bytes.Buffer) (result, error) {
	line, end, err := os.Pipe()
	if err != nil {
		return result{}, err
	}
	defer line.Close()
	cmd, err := command(dir, plan)
	if err != nil {
		end.Close()
		return result{}, err
	}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{end}

	// The kernel asks to be killed when the thread that started it ends.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err = cmd.Start()
	end.Close()
	if err != nil {
		return result{}, fmt.Errorf("start %s: %w", kernel, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
	defer stop()
	res, err := readFrames(line, out)
	if err != nil {
		_ = cmd.Process.Kill()
	}
	// How the kernel's process ends says nothing that the result has not said.
	_ = cmd.Wait()
	return res, err
}

func command(dir, plan string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	path, err := exec.LookPath(kernel)
	if err != nil {
		return nil, fmt.Errorf("find %s: %w; install the package user-mode-linux", kernel, err)
	}
	// The guest's processes are processes of the machine. In a PID namespace
	// none outlives the first, which dies with us. The first is a shell, for a
	// kernel that panics ends itself by a signal, and the first would ignore it.
	cmd := exec.Command("/bin/sh", "-c", `"$@"; exit $?`, "sh", path, memory, "rootfstype=hostfs", "rootflags=/", "ro",
		"init="+self, planVariable+"="+plan, "uml_dir="+dir,
		"con=null", "con0=null,fd:1", "ssl=null", serial, "panic=-1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL}
	return cmd, nil
}

func tail(text string, lines int) string {
	all := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
