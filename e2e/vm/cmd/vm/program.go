package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/braid-cni/braid/e2e/vm"
)

const (
	defaultLimit = 10 * time.Minute
	// grace is what a guest needs to boot and a test binary to report its own
	// timeout. The go command allows a minute before it kills.
	grace = 45 * time.Second
)

func programOf(args []string) (vm.Program, error) {
	if len(args) == 0 {
		return vm.Program{}, errors.New("name a program to run")
	}
	path, err := find(args[0])
	if err != nil {
		return vm.Program{}, err
	}
	dir, err := os.Getwd()
	if err != nil {
		return vm.Program{}, err
	}
	limit, err := limitOf(args[1:])
	if err != nil {
		return vm.Program{}, err
	}
	return vm.Program{Path: path, Args: args[1:], Env: os.Environ(), Dir: dir, Timeout: limit + grace}, nil
}

// find returns the absolute path of a program that is a path or in $PATH.
func find(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return "", err
	}
	return filepath.Abs(path)
}

// limitOf reads the last -test.timeout, as the test binary does.
func limitOf(args []string) (time.Duration, error) {
	limit := defaultLimit
	for _, arg := range args {
		value, ok := strings.CutPrefix(arg, "-test.timeout=")
		if !ok {
			continue
		}
		d, err := time.ParseDuration(value)
		if err != nil || d <= 0 {
			return 0, fmt.Errorf("read %s: give a time limit above 0", arg)
		}
		limit = d
	}
	return limit, nil
}
