package kernel

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"sync"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

const (
	// answerSize bounds one datagram of the kernel in bytes. A link is 2 KiB, a refusal repeats the message refused.
	answerSize = 16 << 10
	// listSize is what the kernel makes use of at most for one datagram of a list. Between two of them others may come first.
	listSize = 32 << 10
	// answerWait bounds the wait for an answer in seconds. rtnetlink has answered when sending returns.
	answerWait = 60
)

// A talk is a conversation with one part of the kernel in one namespace, such as rtnetlink. Messages sent together take one call:
// rtnetlink carries them out in their order, one by one, and goes on after one that it refused. It may be used by many
// goroutines. Its socket blocks, and the Go runtime is not told of it: it would have another thread woken for each answer,
// which is there before that.
type talk struct {
	fd int

	mu  sync.Mutex
	seq uint32
	in  []byte
}

// openTalk opens one with a protocol of netlink(7) in a namespace, which within enters. The kernel then takes lists
// of what was asked for only, not of all with the rest to be passed over (NETLINK_GET_STRICT_CHK, Linux 4.20).
func openTalk(within func(func() error) error, protocol int) (*talk, error) {
	s := &talk{in: make([]byte, answerSize)}
	err := within(func() (err error) {
		s.fd, err = unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, protocol)
		return err
	})
	if err != nil {
		return nil, err
	}
	err = errors.Join(
		unix.Bind(s.fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}),
		unix.SetsockoptInt(s.fd, unix.SOL_NETLINK, unix.NETLINK_GET_STRICT_CHK, 1),
		unix.SetsockoptTimeval(s.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: answerWait}))
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *talk) close() { _ = unix.Close(s.fd) }

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
	if err := s.send(out); err != nil {
		return nil, err
	}
	answers := make([]answer, len(messages))
	for left := len(messages); left > 0; {
		datagram, err := s.receive(s.in)
		if err != nil {
			return nil, err
		}
		left -= sortAnswers(datagram, first, messages, answers)
	}
	return answers, nil
}

// list sends a message that asks for all objects of a kind. Its error wraps netlink.ErrDumpInterrupted when they changed
// meanwhile.
func (s *talk) list(m *nl.NetlinkRequest, kind uint16) (all [][]byte, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seq++
	m.Seq = s.seq
	if err := s.send(m.Serialize()); err != nil {
		return nil, err
	}
	interrupted, in := false, make([]byte, listSize)
	for {
		datagram, err := s.receive(in)
		if err != nil {
			return nil, err
		}
		for head, body := range inMessages(datagram) {
			if head.Seq != s.seq {
				continue // of a call that was broken off
			}
			interrupted = interrupted || head.Flags&unix.NLM_F_DUMP_INTR != 0
			switch {
			case head.Type == unix.NLMSG_DONE && interrupted:
				return nil, netlink.ErrDumpInterrupted
			case head.Type == unix.NLMSG_DONE, head.Type == unix.NLMSG_ERROR:
				return all, readAnswer(unix.NLMSG_ERROR, body).err
			case head.Type == kind:
				all = append(all, bytes.Clone(body))
			}
		}
	}
}

func (s *talk) send(out []byte) error {
	for {
		err := unix.Sendto(s.fd, out, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("send to the kernel: %w", err)
		}
	}
}

// receive reads the next datagram into a buffer, and returns that part of it.
func (s *talk) receive(in []byte) ([]byte, error) {
	for {
		n, _, err := unix.Recvfrom(s.fd, in, unix.MSG_TRUNC)
		switch {
		case err == nil && n > len(in):
			return nil, fmt.Errorf("receive from the kernel: an answer has %d bytes: %w", n, unix.EMSGSIZE)
		case err == nil:
			return in[:n], nil
		case errors.Is(err, unix.EAGAIN):
			return nil, fmt.Errorf("receive from the kernel: %w", unix.ETIMEDOUT)
		case !errors.Is(err, unix.EINTR):
			return nil, fmt.Errorf("receive from the kernel: %w", err)
		}
	}
}

// sortAnswers puts the messages of a datagram where they belong and returns how many of the answers are now complete. An answer is
// data, or an acknowledgement where one was asked for, before which there may be data too. Answers to a call that was
// broken off are passed over.
func sortAnswers(datagram []byte, first uint32, messages []*nl.NetlinkRequest, answers []answer) (complete int) {
	for head, body := range inMessages(datagram) {
		i := head.Seq - first
		if i >= uint32(len(answers)) {
			continue
		}
		said := readAnswer(head.Type, body)
		if said.data != nil {
			answers[i].data = said.data
		}
		answers[i].err = said.err
		if head.Type == unix.NLMSG_ERROR || messages[i].Flags&unix.NLM_F_ACK == 0 {
			complete++
		}
	}
	return complete
}

// inMessages are the messages of a datagram, up to one that is cut off.
func inMessages(datagram []byte) iter.Seq2[unix.NlMsghdr, []byte] {
	return func(yield func(unix.NlMsghdr, []byte) bool) {
		for rest := datagram; len(rest) >= unix.SizeofNlMsghdr; {
			head := unix.NlMsghdr{
				Len: binary.NativeEndian.Uint32(rest), Type: binary.NativeEndian.Uint16(rest[4:]),
				Flags: binary.NativeEndian.Uint16(rest[6:]), Seq: binary.NativeEndian.Uint32(rest[8:]),
			}
			if head.Len < unix.SizeofNlMsghdr || int(head.Len) > len(rest) || !yield(head, rest[unix.SizeofNlMsghdr:head.Len]) {
				return
			}
			rest = rest[min(nlAlign(int(head.Len)), len(rest)):]
		}
	}
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
