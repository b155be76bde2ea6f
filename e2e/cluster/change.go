package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// A change is something on the machine that Down puts back.
type change struct {
	Kind changeKind
	Name string
	Was  string // a sysctl's value
}

type changeKind string

const (
	madeFolder changeKind = "folder"
	madeLink   changeKind = "link"
	madeCgroup changeKind = "cgroup"
	setSysctl  changeKind = "sysctl"
)

// undo puts one change back. That it is back already is no error.
func (c change) undo(ctx context.Context) error {
	switch c.Kind {
	case madeFolder:
		return removeEmpty(c.Name)
	case madeLink:
		return deleteLink(ctx, c.Name)
	case madeCgroup:
		return removeCgroup(c.Name)
	case setSysctl:
		return writeSysctl(c.Name, c.Was)
	}
	return fmt.Errorf("undo change of kind %q: no such kind", c.Kind)
}

// removeEmpty leaves a folder that others put files into meanwhile.
func removeEmpty(dir string) error {
	err := os.Remove(dir)
	if err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTEMPTY) {
		return nil
	}
	return fmt.Errorf("remove folder: %w", err)
}

// makeFolder makes a folder and the missing ones above it.
func (s *state) makeFolder(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := s.makeFolder(filepath.Dir(dir)); err != nil {
		return err
	}
	if err := s.willChange(change{Kind: madeFolder, Name: dir}); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	return nil
}

// keepSysctl notes the present value of a sysctl that is about to be changed by others.
func (s *state) keepSysctl(name string) error {
	value, err := os.ReadFile(sysctlPath(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read sysctl: %w", err)
	}
	return s.willChange(change{Kind: setSysctl, Name: name, Was: string(value)})
}

func writeSysctl(name, value string) error {
	if err := os.WriteFile(sysctlPath(name), []byte(value), 0o644); err != nil {
		return fmt.Errorf("set sysctl: %w", err)
	}
	return nil
}

func sysctlPath(name string) string { return filepath.Join("/proc/sys", name) }
