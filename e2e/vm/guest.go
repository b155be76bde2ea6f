package vm

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"syscall"
)

const (
	serialDevice = "/dev/ttyS0"
	systemPath   = "/usr/sbin:/usr/bin:/sbin:/bin" // the kernel gives process 1 none
)

// Guest is the life of process 1: build the root, run the program, tell its
// result and power off. It does not return.
func Guest() {
	line, err := os.OpenFile(serialDevice, os.O_WRONLY|syscall.O_NOCTTY, 0)
	if err == nil {
		enc := json.NewEncoder(line)
		res := live(os.Getenv(planVariable), frameWriter{enc})
		err = enc.Encode(frame{Result: &res})
		// Closing waits until the line has been sent.
		err = errors.Join(err, line.Close())
	}
	if err != nil {
		println("guest:", err.Error()) // the kernel's console is all that is left
	}
	syscall.Sync()
	_ = syscall.Reboot(syscall.LINUX_REBOOT_CMD_POWER_OFF)
	os.Exit(1)
}

func live(plan string, out frameWriter) result {
	p, err := readPlan(plan)
	if err != nil {
		return result{Err: err.Error()}
	}
	if err := os.Setenv("PATH", systemPath); err != nil {
		return result{Err: err.Error()}
	}
	if err := prepare(); err != nil {
		return result{Err: err.Error()}
	}
	return run(p, out)
}

func run(p Program, out frameWriter) result {
	cmd := exec.Command(p.Path, p.Args...)
	cmd.Dir, cmd.Env = p.Dir, p.Env
	cmd.Stdout, cmd.Stderr = out, out
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return result{}
	case errors.As(err, &exit) && exit.Exited():
		return result{Exit: exit.ExitCode()}
	default: // not started, or killed by a signal
		return result{Err: err.Error()}
	}
}
