package probe

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// A Stream counts the frames of a TCP connection from each end to the other.
type Stream struct {
	Sent     int // by this end
	Received int // from the peer, all of them in order
	Gap      time.Duration
}

// frameSize is a sequence number and padding.
const frameSize = 512

// send writes a numbered frame at every tick until ctx is done, and then says that there is no more.
func send(ctx context.Context, conn *net.TCPConn, every time.Duration) (sent int, err error) {
	frame := make([]byte, frameSize)
	err = each(ctx, every, func(sequence uint64) error {
		binary.BigEndian.PutUint64(frame, sequence)
		if _, err := conn.Write(frame); err != nil {
			return fmt.Errorf("send frame %d: %w", sequence, err)
		}
		sent++
		return nil
	})
	if err != nil {
		return sent, err
	}
	return sent, conn.CloseWrite()
}

// receive reads frames until the peer says that there is no more. One that is not the next breaks the stream.
func receive(ctx context.Context, conn *net.TCPConn) (Stream, error) {
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	c := counter{seen: map[uint64]bool{}}
	frame := make([]byte, frameSize)
	for expected := uint64(0); ; expected++ {
		_, err := io.ReadFull(conn, frame)
		if errors.Is(err, io.EOF) {
			return Stream{Received: int(expected), Gap: c.gap}, nil
		}
		if err != nil {
			return Stream{}, fmt.Errorf("receive frame %d: %w", expected, err)
		}
		if sequence := binary.BigEndian.Uint64(frame); sequence != expected {
			return Stream{}, fmt.Errorf("receive frame %d: it is %d", expected, sequence)
		}
		c.note(expected, time.Now())
	}
}
