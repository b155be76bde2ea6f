package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// A socket is a connection to the agent that blocks its thread. The door has nothing else to do meanwhile, and what package net
// prepares so that others may go on takes longer than the way to the agent and back.
type socket struct {
	fd       int
	deadline time.Time
}

var _ io.ReadWriteCloser = (*socket)(nil)

// connect fails with the errno of connect(2): ENOENT and ECONNREFUSED mean that no agent listens.
func connect(path string, deadline time.Time) (*socket, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	s := &socket{fd, deadline}
	err = s.try(unix.SO_SNDTIMEO, func() error { return unix.Connect(fd, &unix.SockaddrUnix{Name: path}) })
	if err != nil {
		s.Close()
		return nil, &os.PathError{Op: "connect", Path: path, Err: err}
	}
	return s, nil
}

// Read reads what is there, and fails with os.ErrDeadlineExceeded at the deadline.
func (s *socket) Read(p []byte) (n int, err error) {
	err = s.try(unix.SO_RCVTIMEO, func() error { n, err = unix.Read(s.fd, p); return err })
	if err != nil {
		return 0, fmt.Errorf("read from the agent: %w", err)
	}
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// Write writes all of it, and fails with os.ErrDeadlineExceeded at the deadline.
func (s *socket) Write(p []byte) (written int, err error) {
	for written < len(p) {
		var n int
		// Without MSG_NOSIGNAL an agent that is gone would end the door without a word.
		err := s.try(unix.SO_SNDTIMEO, func() (err error) {
			n, err = unix.SendmsgN(s.fd, p[written:], nil, nil, unix.MSG_NOSIGNAL)
			return err
		})
		if err != nil {
			return written, fmt.Errorf("write to the agent: %w", err)
		}
		written += n
	}
	return written, nil
}

// Close closes the connection.
func (s *socket) Close() error { return unix.Close(s.fd) }

// try runs a call that the kernel ends at the deadline, and again when a signal broke it off.
func (s *socket) try(timeout int, call func() error) error {
	for {
		left := time.Until(s.deadline)
		if left < time.Microsecond { // 0 would be no timeout
			return os.ErrDeadlineExceeded
		}
		limit := unix.NsecToTimeval(left.Nanoseconds())
		if err := unix.SetsockoptTimeval(s.fd, unix.SOL_SOCKET, timeout, &limit); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
		err := call()
		if errors.Is(err, unix.EAGAIN) {
			err = os.ErrDeadlineExceeded
		}
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
