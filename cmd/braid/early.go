package main

import (
	"bytes"
	"io"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/braid-cni/braid/wire"
)

// Starting the Go runtime takes five times as long as asking the agent, and every pod waits for it. A program linked with
// -E _braid_entry begins here instead: the call is passed on as it is, the answer printed, and the process ends. Whatever is not
// as usual (no agent, no config, another verb than these) is left to main, which then starts as if nothing had been, but for
// what is in handed.
//
// There is no runtime in this file: no goroutine, no heap, and a stack that does not grow. So all functions are nosplit and
// allocate nothing, and nothing in them may panic.

// connectTimeout bounds the wait for an agent that is too busy to be connected to, in seconds. answerTimeout is as answerWithin.
const (
	connectTimeout = 1
	answerTimeout  = 4 * 60
)

// handed is what main takes over. It is the memory that early works in, there being no other.
var handed handover

// A handover is one call. Its frames are as package wire has them.
type handover struct {
	call   [wire.HeadSize + 1<<10 + wire.MaxEnvironment + wire.MaxConfig + 1]byte
	filled int
	// config is where stdin begins in call, 0 if nothing was read of it.
	config int
	// broken says that the agent may have the call, and did not answer.
	broken bool

	address unix.RawSockaddrUnix
	answer  [wire.HeadSize + wire.MaxFrame]byte
	fd      uintptr
}

// rest is stdin: what was read of it, and what was not.
func (h *handover) rest(stdin io.Reader) io.Reader {
	if h.config == 0 {
		return stdin
	}
	return io.MultiReader(bytes.NewReader(h.call[h.config:h.filled]), stdin)
}

// early is called with the stack that the kernel made: the number of arguments, the arguments, 0, the environment, 0. It returns
// if main is to go on.
//
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
}

// head begins the frame.
//
//go:nosplit
//go:norace
func (h *handover) head(program *byte) bool {
	h.filled = wire.HeadSize
	h.put(wire.CallMark)
	var now unix.Timespec
	syscall.RawSyscall(unix.SYS_CLOCK_GETTIME, unix.CLOCK_REALTIME, uintptr(unsafe.Pointer(&now)), 0)
	began := uint64(now.Sec)*1_000_000 + uint64(now.Nsec)/1000
	for shift := 56; shift >= 0; shift -= 8 {
		h.put(byte(began >> shift))
	}
	return h.text(base(program)) && h.put(0)
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

// environment takes the variables that a call has. It is false for a verb that main answers.
//
//go:nosplit
//go:norace
func (h *handover) environment(envp unsafe.Pointer) bool {
	h.address.Family = unix.AF_UNIX
	h.path(wire.Socket)
	forwarded := false
	for ; *(**byte)(envp) != nil; envp = unsafe.Add(envp, unsafe.Sizeof(envp)) {
		entry := *(**byte)(envp)
		switch {
		case after(entry, wire.SocketVariable+"=") != nil:
			if !h.otherPath(after(entry, wire.SocketVariable+"=")) {
				return false
			}
			continue
		case after(entry, "CNI_COMMAND=") != nil:
			forwarded = isForwarded(after(entry, "CNI_COMMAND="))
		case after(entry, "CNI_") == nil && after(entry, wire.InsideVariable+"=") == nil:
			continue
		}
		if !h.text(entry) || !h.put(0) {
			return false
		}
	}
	return forwarded && h.put(0) && h.filled < len(h.call)-wire.MaxConfig
}

// isForwarded says whether the agent alone answers a verb.
//
//go:nosplit
//go:norace
func isForwarded(verb *byte) bool {
	return is(verb, "ADD") || is(verb, "DEL") || is(verb, "CHECK") || is(verb, "GC")
}

// stdin reads the configuration into the frame. It is false for one that main refuses.
//
//go:nosplit
//go:norace
func (h *handover) stdin() bool {
	h.config = h.filled
	limit := h.config + wire.MaxConfig + 1
	for h.filled < limit && limit <= len(h.call) {
		n, errno := sys(unix.SYS_READ, 0, uintptr(unsafe.Pointer(&h.call[h.filled])), uintptr(limit-h.filled), 0)
		if errno != 0 {
			return false
		}
		if n == 0 {
			break
		}
		h.filled += int(n)
	}
	return h.filled > h.config && h.filled < limit
}

//go:nosplit
//go:norace
func (h *handover) connect() bool {
	fd, errno := sys(unix.SYS_SOCKET, unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0, 0)
	if errno != 0 {
		return false
	}
	h.fd = fd
	if h.wait(unix.SO_SNDTIMEO, connectTimeout) {
		_, errno = sys(unix.SYS_CONNECT, h.fd, uintptr(unsafe.Pointer(&h.address)), unsafe.Sizeof(h.address), 0)
		if errno == 0 && h.wait(unix.SO_SNDTIMEO, answerTimeout) && h.wait(unix.SO_RCVTIMEO, answerTimeout) {
			return true
		}
	}
	sys(unix.SYS_CLOSE, h.fd, 0, 0, 0)
	return false
}

//go:nosplit
//go:norace
func (h *handover) wait(option, seconds uintptr) bool {
	limit := unix.Timeval{Sec: int64(seconds)}
	_, _, errno := syscall.RawSyscall6(unix.SYS_SETSOCKOPT, h.fd, unix.SOL_SOCKET, option, uintptr(unsafe.Pointer(&limit)), unsafe.Sizeof(limit), 0)
	return errno == 0
}

//go:nosplit
//go:norace
func (h *handover) send() bool {
	size := uint32(h.filled - wire.HeadSize)
	for i := range wire.HeadSize {
		h.call[i] = byte(size >> (8 * (wire.HeadSize - 1 - i)))
	}
	for sent := 0; sent < h.filled; {
		n, errno := sys(unix.SYS_SENDTO, h.fd, uintptr(unsafe.Pointer(&h.call[sent])), uintptr(h.filled-sent), unix.MSG_NOSIGNAL)
		if errno != 0 {
			return false
		}
		sent += int(n)
	}
	return true
}

// receive reads the answer whole, and returns the size of its frame: 0 for one that breaks off, of which nothing is printed.
//
//go:nosplit
//go:norace
func (h *handover) receive() int {
	whole := wire.HeadSize
	for got := 0; got < whole; {
		n, errno := sys(unix.SYS_READ, h.fd, uintptr(unsafe.Pointer(&h.answer[got])), uintptr(len(h.answer)-got), 0)
		if errno != 0 || n == 0 {
			return 0
		}
		got += int(n)
		if got >= wire.HeadSize {
			size := uint32(h.answer[0])<<24 | uint32(h.answer[1])<<16 | uint32(h.answer[2])<<8 | uint32(h.answer[3])
			if size == 0 || size > wire.MaxFrame {
				return 0
			}
			whole = wire.HeadSize + int(size)
		}
	}
	return whole
}

// finish prints the answer, of a frame of that size, and ends the process. It returns if there is no answer.
//
//go:nosplit
//go:norace
func (h *handover) finish(size int) {
	if size == 0 || h.answer[wire.HeadSize] > 1 {
		return
	}
	status := uintptr(h.answer[wire.HeadSize])
	for at := wire.HeadSize + 1; at < size && size <= len(h.answer); {
		n, errno := sys(unix.SYS_WRITE, 1, uintptr(unsafe.Pointer(&h.answer[at])), uintptr(size-at), 0)
		if errno != 0 {
			status = 1
			break
		}
		at += int(n)
	}
	sys(unix.SYS_EXIT_GROUP, status, 0, 0, 0)
}

// sys is a system call, made again when a signal broke it off.
//
//go:nosplit
//go:norace
func sys(number, a, b, c, d uintptr) (uintptr, syscall.Errno) {
	for {
		n, _, errno := syscall.RawSyscall6(number, a, b, c, d, 0, 0)
		if errno != unix.EINTR {
			return n, errno
		}
	}
}

// path sets the socket's address.
//
//go:nosplit
//go:norace
func (h *handover) path(name string) {
	for i := range len(name) {
		h.address.Path[i] = int8(name[i])
	}
}

// otherPath is path for a string that ends with a NUL. It is false for one that no address has room for. An empty one does not
// count.
//
//go:nosplit
//go:norace
func (h *handover) otherPath(name *byte) bool {
	if *name == 0 {
		return true
	}
	for i := range len(h.address.Path) {
		h.address.Path[i] = int8(*name)
		if *name == 0 {
			return true
		}
		name = next(name)
	}
	return false
}

//go:nosplit
//go:norace
func (h *handover) put(b byte) bool {
	if h.filled >= len(h.call) {
		return false
	}
	h.call[h.filled] = b
	h.filled++
	return true
}

// text puts a string that ends with a NUL, without it.
//
//go:nosplit
//go:norace
func (h *handover) text(s *byte) bool {
	for ; *s != 0; s = next(s) {
		if !h.put(*s) {
			return false
		}
	}
	return true
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

//go:nosplit
//go:norace
func is(s *byte, word string) bool {
	rest := after(s, word)
	return rest != nil && *rest == 0
}

//go:nosplit
//go:norace
func next(s *byte) *byte { return (*byte)(unsafe.Add(unsafe.Pointer(s), 1)) }
