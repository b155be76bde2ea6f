package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/vishvananda/netlink/nl"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

const (
	// answerSize bounds one answer of the kernel in bytes. A link is 2 KiB, a refusal repeats the message refused.
	answerSize = 16 << 10
	// answerWait bounds the wait for an answer in milliseconds. rtnetlink has answered when sending returns.
	answerWait = 60_000
)

// A talk is a conversation with one part of the kernel in one namespace, such as rtnetlink. Messages sent together take one call:
// rtnetlink carries them out in their order, one by one, and goes on after one that it refused. It may be used by many
// goroutines.
type talk struct {
	socket *nl.NetlinkSocket

	mu  sync.Mutex
	seq uint32
	in  []byte
}

// openTalk opens one with a protocol of netlink(7) in a namespace, the process's own for netns.None. The kernel then takes lists
// of what was asked for only, not of all with the rest to be passed over (NETLINK_GET_STRICT_CHK, Linux 4.20).
func openTalk(at netns.NsHandle, protocol int) (*talk, error) {
	socket, err := nl.GetNetlinkSocketAt(at, netns.None(), protocol)
	if err != nil {
		return nil, err
	}
	if err := unix.SetsockoptInt(socket.GetFd(), unix.SOL_NETLINK, unix.NETLINK_GET_STRICT_CHK, 1); err != nil {
		socket.Close()
		return nil, fmt.Errorf("ask for exact lists: %w", err)
	}
	return &talk{socket: socket, in: make([]byte, answerSize)}, nil
}

func (s *talk) close() { s.socket.Close() }

// An answer is what the kernel says to one message: data where it was asked for some, or its errno.
type answer struct {
	data []byte
	err  error
}

// exchange sends messages and returns the answer to each. Its own error means that nobody knows which were carried out.
func (s *talk) exchange(messages ...*nl.NetlinkRequest) ([]answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := s.seq + 1
	var out []byte
	for _, m := range messages {
		s.seq++
		m.Seq = s.seq
		text := m.Serialize()
		out = append(out, text...)
		out = append(out, make([]byte, nlAlign(len(text))-len(text))...)
	}
	if err := unix.Sendto(s.socket.GetFd(), out, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return nil, fmt.Errorf("send to the kernel: %w", err)
	}
	answers := make([]answer, len(messages))
	for left := len(messages); left > 0; {
		datagram, err := s.receive()
		if err != nil {
			return nil, fmt.Errorf("receive from the kernel: %w", err)
		}
		left -= sortAnswers(datagram, first, answers)
	}
	return answers, nil
}

// list sends a message that asks for all objects of a kind. Its error wraps netlink.ErrDumpInterrupted when they changed
// meanwhile.
func (s *talk) list(m *nl.NetlinkRequest, kind uint16) ([][]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	handle := &nl.SocketHandle{Socket: s.socket, Seq: s.seq}
	defer func() { s.seq = handle.Seq }()
	m.Sockets = map[int]*nl.SocketHandle{unix.NETLINK_ROUTE: handle}
	return m.Execute(unix.NETLINK_ROUTE, kind)
}

// receive returns the next datagram, which stands until the one after it.
func (s *talk) receive() ([]byte, error) {
	for {
		n, _, err := unix.Recvfrom(s.socket.GetFd(), s.in, unix.MSG_TRUNC)
		switch {
		case err == nil && n > len(s.in):
			return nil, fmt.Errorf("an answer has %d bytes: %w", n, unix.EMSGSIZE)
		case err == nil:
			return s.in[:n], nil
		case errors.Is(err, unix.EAGAIN):
			if err := s.wait(); err != nil {
				return nil, err
			}
		case !errors.Is(err, unix.EINTR):
			return nil, err
		}
	}
}

func (s *talk) wait() error {
	ready, err := unix.Poll([]unix.PollFd{{Fd: int32(s.socket.GetFd()), Events: unix.POLLIN}}, answerWait)
	if err == nil && ready == 0 {
		return unix.ETIMEDOUT
	}
	if errors.Is(err, unix.EINTR) {
		return nil
	}
	return err
}

// sortAnswers puts the messages of a datagram where they belong and returns how many of the answers are now complete. Who asks
// for data asks for no acknowledgement beside it. Answers to a call that was broken off are passed over.
func sortAnswers(datagram []byte, first uint32, answers []answer) (complete int) {
	for len(datagram) >= unix.SizeofNlMsghdr {
		size := int(binary.NativeEndian.Uint32(datagram))
		if size < unix.SizeofNlMsghdr || size > len(datagram) {
			return complete
		}
		kind, seq := binary.NativeEndian.Uint16(datagram[4:]), binary.NativeEndian.Uint32(datagram[8:])
		body := datagram[unix.SizeofNlMsghdr:size]
		if i := seq - first; i < uint32(len(answers)) {
			answers[i] = readAnswer(kind, body)
			complete++
		}
		datagram = datagram[min(nlAlign(size), len(datagram)):]
	}
	return complete
}

func readAnswer(kind uint16, body []byte) answer {
	if kind != unix.NLMSG_ERROR {
		return answer{data: append([]byte(nil), body...)}
	}
	if len(body) < 4 {
		return answer{err: unix.EBADMSG}
	}
	if errno := -int32(binary.NativeEndian.Uint32(body)); errno != 0 {
		return answer{err: unix.Errno(errno)}
	}
	return answer{}
}

func nlAlign(n int) int { return (n + unix.NLMSG_ALIGNTO - 1) &^ (unix.NLMSG_ALIGNTO - 1) }

// message starts one that changes something, which the kernel acknowledges.
func message(kind, flags int) *nl.NetlinkRequest {
	return nl.NewNetlinkRequest(kind, flags|unix.NLM_F_ACK)
}

// execute sends messages in one call and returns the error of the first that was refused.
func (n *linuxNetns) execute(messages ...*nl.NetlinkRequest) error {
	answers, err := n.route.exchange(messages...)
	if err != nil {
		return err
	}
	for _, a := range answers {
		if a.err != nil {
			return a.err
		}
	}
	return nil
}
