package main

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What is said in early.go holds here too. Strings are those of C, which end with a NUL.

// The numbers of open files that a process begins with.
const stdin, stdout, stderr = 0, 1, 2

// sys is a system call. No signal breaks one off: none is handled, and those that are made here are no such as end with a stop
// (signal(7)).
//
//go:nosplit
//go:norace
func sys(number, a, b, c, d uintptr) (uintptr, syscall.Errno) {
	n, _, errno := syscall.RawSyscall6(number, a, b, c, d, 0, 0)
	return n, errno
}

// transfer reads, writes or sends what it can, and waits until it can, for as long as answerWithin. It returns 0 if that fails.
// It does without sys to stay, when it is compiled to be debugged, within what the linker allows a stack that does not grow.
//
//go:nosplit
//go:norace
func transfer(number, fd uintptr, at *byte, size uint, events int16) uint {
	file := unix.PollFd{Fd: int32(fd), Events: events}
	left := unix.Timespec{Sec: answerSeconds}
	for {
		// Without MSG_NOSIGNAL an agent that is gone would end the door without a word. Only what sends looks at it.
		n, _, errno := syscall.RawSyscall6(number, fd, uintptr(unsafe.Pointer(at)), uintptr(size), unix.MSG_NOSIGNAL, 0, 0)
		if errno == 0 {
			return uint(n)
		}
		if errno != unix.EAGAIN {
			return 0
		}
		ready, _, _ := syscall.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&file)), 1, uintptr(unsafe.Pointer(&left)), 0, 0, 0)
		if ready != 1 {
			return 0
		}
	}
}

// base is what follows the last slash.
//
//go:nosplit
//go:norace
func base(path *byte) *byte {
	name := path
	for p := path; *p != 0; p = next(p) {
		if *p == '/' {
			name = next(p)
		}
	}
	return name
}

// first is one of two that may be nil.
//
//go:nosplit
//go:norace
func first(a, b *byte) *byte {
	if a != nil {
		return a
	}
	return b
}

// after is what follows a prefix, nil without it.
//
//go:nosplit
//go:norace
func after(s *byte, prefix string) *byte {
	for i := range len(prefix) {
		if *s != prefix[i] {
			return nil
		}
		s = next(s)
	}
	return s
}

// is says whether s is there, and this word.
//
//go:nosplit
//go:norace
func is(s *byte, word string) bool {
	if s == nil {
		return false
	}
	rest := after(s, word)
	return rest != nil && *rest == 0
}

//go:nosplit
//go:norace
func next(s *byte) *byte { return (*byte)(unsafe.Add(unsafe.Pointer(s), 1)) }
