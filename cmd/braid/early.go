package main

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/braid-cni/braid/wire"
)

// Starting the Go runtime takes five times as long as asking the agent, and every pod waits for it. A program linked with
// -E _braid_entry begins here instead: the call is passed on as it is, the answer printed, and the process ends. Whatever is
// not as usual (no agent, too large a configuration, a verb that main answers) is left to main, which then starts as if nothing
// had been, but for what is in handed.
//
// There is no runtime in this file and in raw.go: no goroutine, no heap, and a stack that does not grow. So all functions are
// nosplit, allocate nothing, and index nothing that the compiler would check, since a check that fails panics.

// early is called with the stack that the kernel made: the number of arguments, the arguments, 0, the environment, 0. It
// returns if main is to go on.
//
//lint:ignore U1000 the assembly calls it
//go:nosplit
//go:norace
func early(stack unsafe.Pointer) {
	h := &handed
	arguments := *(*uintptr)(stack)
	argv := unsafe.Add(stack, unsafe.Sizeof(arguments))
	envp := unsafe.Add(argv, (arguments+1)*unsafe.Sizeof(arguments))
	if arguments == 0 || !h.head(*(**byte)(argv)) || !h.environment(envp) || !h.stdin() || !h.connect() {
		return
	}
	h.broken = true
	if h.send() {
		h.finish(h.receive())
	}
	sys(unix.SYS_CLOSE, h.agent, 0, 0, 0)
}

// head begins the frame. It is false for a program whose name is not what follows the last slash.
//
//go:nosplit
//go:norace
func (h *handover) head(program *byte) bool {
	h.filled = wire.HeadSize
	h.put(wire.CallMark)
	var now unix.Timespec
	sys(unix.SYS_CLOCK_GETTIME, unix.CLOCK_REALTIME, uintptr(unsafe.Pointer(&now)), 0, 0)
	h.began = int64(now.Sec)*1_000_000 + int64(now.Nsec)/1000
	for shift := 56; shift >= 0; shift -= 8 {
		h.put(byte(h.began >> shift))
	}
	name := base(program)
	return *name != 0 && h.text(name)
}

// environment takes the variables that a call has. It is false for a verb that main answers.
//
//go:nosplit
//go:norace
func (h *handover) environment(envp unsafe.Pointer) bool {
	var verb, socket *byte
	for ; *(**byte)(envp) != nil; envp = unsafe.Add(envp, unsafe.Sizeof(envp)) {
		entry := *(**byte)(envp)
		verb = first(verb, after(entry, "CNI_COMMAND="))
		socket = first(socket, after(entry, wire.SocketVariable+"="))
		if isOfCall(entry) && !h.text(entry) {
			return false
		}
	}
	return isForwarded(verb) && h.to(socket) && h.put(0)
}

//go:nosplit
//go:norace
func isOfCall(entry *byte) bool {
	return after(entry, "CNI_") != nil || after(entry, wire.InsideVariable+"=") != nil
}

// isForwarded says whether the agent alone answers a verb.
//
//go:nosplit
//go:norace
func isForwarded(verb *byte) bool {
	return is(verb, "ADD") || is(verb, "DEL") || is(verb, "CHECK") || is(verb, "GC")
}

// to sets the agent's address. It is false for one that is no path, or that no address has room for.
//
//go:nosplit
//go:norace
func (h *handover) to(socket *byte) bool {
	if socket == nil || *socket == 0 {
		socket = unsafe.StringData(wire.Socket + "\x00")
	}
	h.address.family = unix.AF_UNIX
	for i := range h.address.path {
		h.address.path[i] = *socket
		if *socket == 0 {
			return h.address.path[0] != '@'
		}
		socket = next(socket)
	}
	return false
}

// stdin reads the configuration into the frame. It is false for one that is too large, there or altogether.
//
//go:nosplit
//go:norace
func (h *handover) stdin() bool {
	h.config = h.filled
	limit := h.config + wire.MaxConfig + 1
	for h.filled < limit && limit <= uint(len(h.call)) {
		n, errno := sys(unix.SYS_READ, stdin, uintptr(unsafe.Pointer(&h.call[h.filled])), uintptr(limit-h.filled), 0)
		if errno != 0 {
			return false
		}
		if n == 0 {
			return true
		}
		h.filled += uint(n)
	}
	return false
}

// connect is false for an agent that cannot be connected to at once. The numbers of stdin, stdout and stderr are free where the
// runtime closed them, which main sees to.
//
//go:nosplit
//go:norace
func (h *handover) connect() bool {
	fd, errno := sys(unix.SYS_SOCKET, unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0, 0)
	if errno != 0 {
		return false
	}
	h.agent = fd
	_, errno = sys(unix.SYS_CONNECT, fd, uintptr(unsafe.Pointer(&h.address)), unsafe.Sizeof(h.address), 0)
	if errno != 0 || fd <= stderr {
		sys(unix.SYS_CLOSE, fd, 0, 0, 0)
		return false
	}
	return true
}

//go:nosplit
//go:norace
func (h *handover) send() bool {
	size := h.filled - wire.HeadSize
	for i := range wire.HeadSize {
		h.call[i] = byte(size >> (8 * (wire.HeadSize - 1 - i)))
	}
	for sent := uint(0); sent < h.filled && h.filled <= uint(len(h.call)); {
		n := transfer(unix.SYS_SENDTO, h.agent, &h.call[sent], h.filled-sent, unix.POLLOUT)
		if n == 0 {
			return false
		}
		sent += n
	}
	return true
}

// receive reads the answer, and returns the size of its frame: 0 for one that breaks off.
//
//go:nosplit
//go:norace
func (h *handover) receive() uint {
	whole := uint(wire.HeadSize)
	for got := uint(0); got < whole && whole <= uint(len(h.answer)); {
		n := transfer(unix.SYS_READ, h.agent, &h.answer[got], uint(len(h.answer))-got, unix.POLLIN)
		if n == 0 {
			return 0
		}
		got += n
		if got >= wire.HeadSize {
			whole = wire.HeadSize + uint(h.answer[0])<<24 + uint(h.answer[1])<<16 + uint(h.answer[2])<<8 + uint(h.answer[3])
		}
	}
	return whole
}

// finish prints the answer, of a frame of that size, and ends the process. It returns if it is none, and has printed nothing.
//
//go:nosplit
//go:norace
func (h *handover) finish(size uint) {
	status := uintptr(h.answer[wire.HeadSize])
	if size <= wire.HeadSize || size > uint(len(h.answer)) || status > 1 {
		return
	}
	for at := uint(wire.HeadSize + 1); at < size; {
		n := transfer(unix.SYS_WRITE, stdout, &h.answer[at], size-at, unix.POLLOUT)
		if n == 0 {
			status = 1
			break
		}
		at += n
	}
	sys(unix.SYS_EXIT_GROUP, status, 0, 0, 0)
}

//go:nosplit
//go:norace
func (h *handover) put(b byte) bool {
	if h.filled >= uint(len(h.call)) {
		return false
	}
	h.call[h.filled] = b
	h.filled++
	return true
}

// text puts a string with the NUL that it ends with.
//
//go:nosplit
//go:norace
func (h *handover) text(s *byte) bool {
	for ; *s != 0; s = next(s) {
		if !h.put(*s) {
			return false
		}
	}
	return h.put(0)
}
