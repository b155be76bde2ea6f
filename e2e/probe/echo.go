package probe

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// An Echo counts packets that come back.
type Echo struct {
	Sent      int
	Lost      int
	Reordered int
	Doubled   int
	Gap       time.Duration // the longest time between two answers
}

func listenEcho(local netip.AddrPort) (*net.UDPConn, error) {
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(local))
	if err != nil {
		return nil, fmt.Errorf("listen for echoes: %w", err)
	}
	return conn, nil
}

// serveEcho sends every packet back until the socket is closed.
func serveEcho(conn *net.UDPConn) {
	buffer := make([]byte, 2048)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buffer)
		if err != nil {
			return
		}
		conn.WriteToUDPAddrPort(buffer[:n], from) // one that cannot be sent is lost
	}
}

// ping sends numbered packets to the peer until ctx is done, and counts what comes back until a moment later.
func ping(ctx context.Context, o Options) (Echo, error) {
	local := net.UDPAddrFromAddrPort(netip.AddrPortFrom(o.Local.Addr(), 0))
	conn, err := net.DialUDP("udp", local, net.UDPAddrFromAddrPort(o.Peer))
	if err != nil {
		return Echo{}, fmt.Errorf("send echoes: %w", err)
	}
	counted := make(chan *counter)
	go func() { counted <- listen(conn) }()
	sent := 0
	each(ctx, o.Every, func(sequence uint64) error {
		conn.Write(binary.BigEndian.AppendUint64(nil, sequence)) // an error, as of a refusal, is a loss
		sent++
		return nil
	})
	time.Sleep(late)
	conn.Close()
	c := <-counted
	return Echo{Sent: sent, Lost: sent - len(c.seen), Reordered: c.reordered, Doubled: c.doubled, Gap: c.gap}, nil
}

// listen counts answers until the socket is closed.
func listen(conn *net.UDPConn) *counter {
	c := &counter{seen: map[uint64]bool{}}
	buffer := make([]byte, 2048)
	for {
		n, err := conn.Read(buffer)
		if n == 8 {
			c.note(binary.BigEndian.Uint64(buffer), time.Now())
		}
		if err != nil && !refused(err) {
			return c
		}
	}
}

// each calls f with 0, 1, 2 at that interval until ctx is done or f fails.
func each(ctx context.Context, every time.Duration, f func(sequence uint64) error) error {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for sequence := uint64(0); ; sequence++ {
		if err := f(sequence); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}
